"""The way to the API: closed without tokens, loaded only by who has one, and what a configuration may say of them."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from exporter import configfile
from exporter.apiconfig import ApiToken
from exporter.collect.packing import Text
from exporter.errors import ConfigurationError
from exporter.web import app as web
from exporter.web import gate
from tests.texts import giving

TOKEN = "t0k3n-" + "x" * 40
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


def client(*tokens: ApiToken) -> httpx.AsyncClient:
    """Talks to an application with these tokens."""
    app = web.create(giving(Text([])), lambda: None, lambda: None, tokens=lambda: tokens)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter.example")


async def test_without_tokens_there_is_no_api() -> None:
    for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}):
        assert (await client().get("/api/v1/targets", headers=headers)).status_code == 404


async def test_a_token_opens_the_api_and_another_does_not() -> None:
    tokens = [ApiToken(name=name, token_sha256=DIGEST.translate(table), role="r") for name, table in MANY.items()]
    for given, status in (
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        ("", 401),
    ):
        answer = await client(*tokens).get("/api/v1/targets", headers={"Authorization": given})
        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
        assert "x-content-type-options" in answer.headers
    assert (await client(*tokens).get("/api/v10/targets")).status_code == 404


MANY = {"other": str.maketrans("0123456789", "9876543210"), "this": str.maketrans("", "")}


async def test_a_token_has_so_many_answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await going_on.wait()
        await PlainTextResponse("done")(scope, receive, send)

    monkeypatch.setattr(gate, "_build", lambda _: slow)
    tokens = [ApiToken(name=name, token_sha256=DIGEST.translate(table), role="r") for name, table in MANY.items()]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with client(*tokens) as talking:
        asking = [asyncio.create_task(talking.get("/api/v1/targets", headers=headers)) for _ in range(20)]
        async with asyncio.timeout(60):
            while sum(task.done() for task in asking) < len(asking) - gate.MOST_AT_ONCE:
                await asyncio.sleep(0.01)
        done, waiting = await asyncio.wait(asking, timeout=0.2)
        assert {task.result().status_code for task in done} == {429} and len(waiting) == gate.MOST_AT_ONCE
        going_on.set()
        assert {(await task).status_code for task in waiting} == {200}
        assert (await talking.get("/api/v1/targets", headers=headers)).status_code == 200


def test_the_api_is_not_loaded_before_it_is_asked() -> None:
    script = "import sys, exporter.daemon; print([name for name in sys.modules if name.startswith('exporter.web.api')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def configured(tmp_path: Path, *entries: str) -> tuple[ApiToken, ...]:
    """The tokens of a file with these entries."""
    file = tmp_path / "exporter.yaml"
    file.write_text("targets: [{dsn: dbname=x}]\napi:\n  tokens:\n" + "".join(f"    - {{{one}}}\n" for one in entries))
    return configfile.load(file).api.tokens


def test_a_token_stands_in_a_file_or_as_its_hash(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    other = "0" * 64
    found = configured(
        tmp_path,
        "name: a, token_file: token, role: r, tenant: acme, targets: [s*]",
        f"name: b, token_sha256: '{other}', role: r",
    )
    assert [one.sha256.hex() for one in found] == [DIGEST, other]
    assert (found[0].reads("shop"), found[0].reads("till"), found[1].reads("till")) == (True, False, True)
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (["name: a, role: r"], "one of token_file and token_sha256"),
        ([f"name: a, role: r, token_file: token, token_sha256: {DIGEST}"], "and not both"),
        (["name: a, role: r, token_file: short"], "32 characters or more"),
        (["name: a, role: r, token_file: none"], "No such file"),
        ([f"name: a, role: r, token_sha256: {TOKEN}"], "64 hexadecimal digits"),
        ([f"name: a, token_sha256: {DIGEST}"], "role"),
        ([f"name: a, role: r, token_sha256: {DIGEST}", "name: b, role: r, token_file: token"], "the same token"),
        ([f"name: a, role: r, token_sha256: {DIGEST}", "name: a, role: r, token_file: other"], "'a' stands twice"),
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(tmp_path: Path, entries: list[str], told: str) -> None:
    for name, text in {"token": TOKEN, "short": "tooshort", "other": TOKEN + "y"}.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        configured(tmp_path, *entries)
    assert told in str(caught.value)
    assert TOKEN not in str(caught.value) and "tooshort" not in str(caught.value)
