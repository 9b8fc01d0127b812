"""Pages: complete and without doubles while others write, and everything as one stream."""

from __future__ import annotations

import csv
import io
import json
import socket
import threading
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.api.conftest import Api
from tests.api.test_refusals import conninfo_of
from tests.fix_exporter import eventually
from tests.fix_sessions import value

pytestmark = pytest.mark.majors

MANY = (
    "select script_tracking.track_operations((select jsonb_agg(jsonb_build_object("
    "'script_name', %s || n, 'script_type', 'PAGE', 'tenant', 'acme', 'started_at', now() - interval '1 hour'))"
    " from generate_series(1, %s) as n))"
)


def keys(records: list[dict[str, Any]]) -> list[str]:
    """Of executions, in their order."""
    return [one["execution_hk"] for one in records]


def test_pages_are_complete_and_repeat_nothing_while_rows_are_added(api: Api) -> None:
    api.admin.execute(MANY, ("same time ", 90))  # all began in the same microsecond
    before = set(keys(api.items("/executions", limit=500)))
    assert len(before) == 93
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(conninfo_of(api), autocommit=True) as writer:
            while not stop.is_set():
                writer.execute("select script_tracking.track_operation('meanwhile', 'PAGE', 'acme')")
                writer.execute(MANY, ("late ", 2))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        found = [one for page in api.pages("/executions", limit=7) for one in page]
    finally:
        stop.set()
        writing.join()
    assert len(keys(found)) == len(set(keys(found)))
    assert before <= set(keys(found))
    order = [(one["execution_timestamp"], one["execution_hk"]) for one in found]
    assert order == sorted(order, reverse=True)
    assert value(api.admin, "select count(*) > 93 from script_tracking.get_execution_history(1, only_tenant => 'acme')")

    seen = "select bool_and(definition is not null) from script_tracking.get_object_history('public.of_acme')"
    eventually(lambda: value(api.admin, seen), within=60)  # the comparison of the catalogs, which tells the definition
    for path, asked in (("/objects", {}), ("/objects/history", {"identity": "public.of_acme"}), ("/tenants", {})):
        api.admin.execute("select script_tracking.register_tenant('t' || n) from generate_series(1, 3) as n")
        whole = api.items(path, "auditor", **asked)
        paged = [one for page in api.pages(path, "auditor", limit=1, **asked) for one in page]
        names = [{key: text for key, text in one.items() if key != "as_of"} for one in paged]
        assert names == [{key: text for key, text in one.items() if key != "as_of"} for one in whole]
        assert len({one.get("as_of") for one in paged}) == 1
    health = [one["check_name"] for page in api.pages("/health", limit=3) for one in page]
    assert health == sorted(health) == [one["check_name"] for one in api.items("/health")]
    for path, name in (("/errors", "fingerprint"), ("/performance", "script_type"), ("/dashboard", "tenant")):
        paged = [one[name] for page in api.pages(path, "auditor", limit=1) for one in page]
        assert paged == [one[name] for one in api.items(path, "auditor")] and paged


def test_everything_comes_in_one_stream(api: Api) -> None:
    """More than one page of the server's: in JSON page by page, in CSV and NDJSON as a whole."""
    api.admin.execute(MANY, ('of "many", ', 1203))
    expected = [one for page in api.pages("/executions", script_type="PAGE", limit=500) for one in page]
    assert len(expected) == 1203
    answer = api.ask("/executions", script_type="PAGE", format="ndjson")
    assert [json.loads(line) for line in answer.body.splitlines()] == expected
    assert "link" not in answer.headers and answer.headers["transfer-encoding"] == "chunked"
    answer = api.ask("/executions", script_type="PAGE", format="csv")
    lines = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert keys(lines) == keys(expected)
    assert [one["script_name"] for one in lines] == [one["script_name"] for one in expected]
    # in pages where these are asked for, the next one by the header
    answer = api.ask("/executions", script_type="PAGE", format="csv", limit=500)
    link, _, rest = answer.headers["link"].partition(">")
    assert rest == '; rel="next"'
    following = api.exporter.get(link.removeprefix("<"), Authorization=f"Bearer {api.tokens['acme']}")
    lines = list(csv.DictReader(io.StringIO(following.body.decode(), newline="")))
    assert keys(lines) == keys(expected[500:1000])

    # as a value and as nothing else
    for name in ("x' or '1'='1", "\\' or 1=1 --", 'of "many", 1', "{limit}", "%s"):
        assert [one["script_name"] for one in api.items("/executions", script_name=name)] == [name][
            : name.startswith("of")
        ]
    for form, count in {"json": 1, "csv": 1, "ndjson": 0}.items():
        answer = api.ask("/executions", script_name="nothing of the kind", format=form)
        assert (answer.status, len(answer.body.splitlines())) == (200, count)


def test_a_slow_reader_holds_no_session_and_learns_of_an_end_that_came_too_early(api: Api) -> None:
    """So much that it does not fit between the two: what the reader has not taken is not asked for yet."""
    api.admin.execute(
        "select script_tracking.track_operations((select jsonb_agg(jsonb_build_object('script_name', 'long',"
        " 'script_type', 'PAGE', 'tenant', 'acme', 'metadata', jsonb_build_object('note', repeat('long ', 3000))))"
        " from generate_series(1, 1500)))"
    )
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(60)
        wire.connect(("127.0.0.1", api.exporter.port))
        head = f"Host: x\r\nAuthorization: Bearer {api.tokens['acme']}"
        wire.sendall(f"GET /api/v1/executions?script_type=PAGE&format=ndjson HTTP/1.1\r\n{head}\r\n\r\n".encode())
        assert wire.recv(1024).startswith(b"HTTP/1.1 200 OK")
        assert api.items("/executions", script_type="LOAD")
        roles = sql.Identifier(api.roles["acme"]), sql.Identifier(api.login)
        api.admin.execute(sql.SQL("revoke {} from {}").format(*roles))
        tail = b""
        while received := wire.recv(65536):
            tail = (tail + received)[-65536:]
        assert not tail.endswith(b"0\r\n\r\n")
    event = api.exporter.wait_for_event("api_cut_short")
    assert len(api.exporter.events("api_cut_short")) == 1
    assert "log says why" in str(event["reason"])
