"""Who is let in by name and password."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Mapping
from itertools import islice

import bcrypt
import httpx
import pytest

from exporter.collect.packing import Text
from exporter.web import app as web
from exporter.web import auth, rate
from exporter.web.settings import Settings, WebSettings
from exporter.web.webfile import RateLimit
from tests.texts import giving

UP = Text([b"script_tracking_up 1\n"])


def hashed(password: str, cost: int = 4, prefix: bytes = b"2b") -> str:
    """Hash of a password."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost, prefix)).decode()


def client(settings: WebSettings, address: str = "10.0.0.1") -> httpx.AsyncClient:
    """Talks to an application with these settings."""
    app = web.create(giving(UP), lambda: None, lambda: None, settings)
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://exporter.example")


def with_users(users: Mapping[str, str]) -> WebSettings:
    """Settings with these users."""
    return WebSettings(current=Settings(users=users))


PATHS = ("/metrics", "/-/healthy", "/-/ready", "/nowhere", "/metrics/")


async def test_every_path_needs_a_user_where_there_are_any() -> None:
    talk = client(with_users({"alice": hashed("secret"), "bob": hashed("other", prefix=b"2a")}))
    for path in PATHS:
        answer = await talk.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        for pair in (("alice", "other"), ("alice", ""), ("nobody", "secret"), ("", ""), ("Alice", "secret")):
            assert (await talk.get(path, auth=pair)).status_code == 401
    for pair in (("alice", "secret"), ("bob", "other"), ("alice", "secret")):
        assert (await talk.get("/metrics", auth=pair)).status_code == 200
    assert (await talk.get("/nowhere", auth=("alice", "secret"))).status_code == 404
    assert (await client(with_users({})).get("/metrics")).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic ", "Basic !!!", "Bearer abc", "Basic " + base64.b64encode(b"alice").decode(),
     "Basic " + base64.b64encode(b"\xff\xfe:secret").decode(), "Basic YWxpY2U6c2VjcmV0 x"],
)  # fmt: skip
async def test_a_header_that_holds_no_pair_is_refused(header: str) -> None:
    talk = client(with_users({"alice": hashed("secret")}))
    assert (await talk.get("/metrics", headers={"Authorization": header})).status_code == 401


async def test_a_password_may_hold_colons_and_be_longer_than_bcrypt_reads() -> None:
    long = "é" * 36 + "ends differently"
    talk = client(with_users({"alice": hashed("a:b:c"), "bob": hashed("é" * 36)}))
    assert (await talk.get("/metrics", auth=("alice", "a:b:c"))).status_code == 200
    assert (await talk.get("/metrics", auth=httpx.BasicAuth("bob", long.encode()))).status_code == 200


async def test_a_right_password_is_checked_once_and_a_wrong_one_always(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []
    check = auth._matches

    def counted(password: bytes, hashed: str) -> bool:
        checked.append(password)
        return check(password, hashed)

    monkeypatch.setattr(auth, "_matches", counted)
    users = {"alice": hashed("secret")}
    talk = client(with_users(users))
    for _ in range(3):
        assert (await talk.get("/metrics", auth=("alice", "secret"))).status_code == 200
        assert (await talk.get("/metrics", auth=("alice", "wrong"))).status_code == 401
    assert checked == [b"secret", b"wrong", b"wrong", b"wrong"]
    users["alice"] = hashed("new")
    assert (await talk.get("/metrics", auth=("alice", "secret"))).status_code == 401, "it was right before"
    assert (await talk.get("/metrics", auth=("alice", "new"))).status_code == 200


async def test_a_user_that_does_not_exist_costs_what_another_would(monkeypatch: pytest.MonkeyPatch) -> None:
    users = {"alice": hashed("secret", 4), "bob": hashed("secret", 5)}
    compared: list[str] = []

    def differs(_password: bytes, hashed: str) -> bool:
        compared.append(hashed)
        return False

    monkeypatch.setattr(auth, "_matches", differs)
    talk = client(with_users(users))
    for number in range(40):
        for _ in range(2):
            assert (await talk.get("/metrics", auth=(f"nobody{number}", "secret"))).status_code == 401
    assert set(compared) == set(users.values()), "some look like alice, some like bob"
    assert compared[::2] == compared[1::2], "and each always like the same"


async def test_even_the_stand_ins_password_lets_nobody_in() -> None:
    talk = client(with_users({"alice": hashed("secret")}))
    assert (await talk.get("/metrics", auth=("nobody", "secret"))).status_code == 401


async def test_guesses_neither_block_the_loop_nor_lock_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_users({"alice": hashed("secret"), "bob": hashed("other")})
    app = web.create(giving(UP), lambda: None, lambda: None, settings)
    may_compare, compared = threading.Event(), auth._matches

    def slow(password: bytes, hashed: str) -> bool:
        may_compare.wait(60)
        return compared(password, hashed)

    def at(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="http://exporter.example")

    assert (await at("10.0.0.1").get("/metrics", auth=("alice", "secret"))).status_code == 200
    monkeypatch.setattr(auth, "_matches", slow)
    guesser = at("10.0.0.66")
    guesses = [asyncio.create_task(guesser.get("/metrics", auth=("alice", f"guess{n}"))) for n in range(40)]
    refused = islice(asyncio.as_completed(guesses, timeout=60), 40 - auth.WAITING_OF_A_CLIENT)
    assert {(await guess).status_code for guess in refused} == {429}, "though none is compared yet"
    assert (await at("10.0.0.1").get("/metrics", auth=("alice", "secret"))).status_code == 200
    assert not may_compare.is_set(), "who was right before waits for no guess"
    other = asyncio.create_task(at("10.0.0.2").get("/metrics", auth=("bob", "other")))
    await asyncio.sleep(0)
    may_compare.set()
    assert (await other).status_code == 200
    statuses = [(await guess).status_code for guess in guesses]
    assert statuses.count(401) == auth.WAITING_OF_A_CLIENT


async def test_addresses_of_one_network_lock_the_others_out_no_more_than_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.web.turns.REQUESTS_AT_ONCE", 100)  # else some come after the comparison
    app = web.create(giving(UP), lambda: None, lambda: None, with_users({"bob": hashed("other")}))
    may_compare = threading.Event()

    def slow(password: bytes, hashed: str) -> bool:
        may_compare.wait(60)
        return password == b"other"

    monkeypatch.setattr(auth, "_matches", slow)

    async def asked(address: str, password: str) -> int:
        transport = httpx.ASGITransport(app, client=(address, 1))
        talk = httpx.AsyncClient(transport=transport, base_url="http://exporter.example")
        return (await talk.get("/metrics", auth=("bob", password))).status_code

    guesses = [asyncio.create_task(asked(f"2001:db8::{number:x}", "guess")) for number in range(40)]
    for _ in range(300):
        await asyncio.sleep(0)  # they come one after the other, and stay
    other = asyncio.create_task(asked("2001:db8:0:1::1", "other"))
    for _ in range(100):
        await asyncio.sleep(0)
    may_compare.set()
    assert await other == 200
    assert sorted(await asyncio.gather(*guesses)) == [401] * auth.WAITING_OF_A_CLIENT + [429] * 36


async def test_requests_are_limited_and_headers_set_as_the_file_says(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(rate, "monotonic", lambda: now[0])
    limit = RateLimit.model_validate({"interval": "200ms", "burst": 2})
    headers = {"X-Frame-Options": "sameorigin", "Content-Security-Policy": "", "Strict-Transport-Security": "max-age=9"}
    talk = client(WebSettings(current=Settings(rate_limit=limit, headers=headers)))
    answers = [await talk.get("/metrics") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert answers[3].headers["retry-after"] == "1"
    for answer in answers:
        assert answer.headers["x-frame-options"] == "sameorigin"
        assert answer.headers["strict-transport-security"] == "max-age=9"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "content-security-policy" not in answer.headers
    now[0] += 0.19
    assert (await talk.get("/metrics")).status_code == 429
    now[0] += 0.02
    assert [(await talk.get("/metrics")).status_code for _ in range(2)] == [200, 429]
