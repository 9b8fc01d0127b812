"""No answer of the API holds a secret that was put into DDL, a failed statement or declared metadata."""

from __future__ import annotations

import json
import os
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.api.conftest import Api
from tests.sql import redact_places as generated
from tests.sql.redact_places import BARE_STATEMENT, EXAMPLES, MISSPELT, STATEMENT, conninfo_of

pytestmark = pytest.mark.majors

SECRET = "hunterxyz7Q"


def put(api: Api) -> None:
    """The secret, as acme, in every text that a record takes."""
    api.admin.execute("select set_config('script_tracking.tenant', 'acme', false)")
    api.admin.execute(f"set script_tracking.change_ref = 'token: {SECRET}'".encode())
    api.admin.execute(f"set application_name = 'job password={SECRET}'".encode())
    api.admin.execute(
        "create function public.keeper() returns text language sql as"
        f" $$ select coalesce(null, 'https://joe:{SECRET}@h/?sig={SECRET}') $$".encode()
    )
    api.admin.execute(f"comment on function public.keeper() is 'the password is {SECRET}'".encode())
    for statement in (
        f"create table public.t (a int default password '{SECRET}')",
        f"alter role nobody password '{SECRET}'",
    ):
        with pytest.raises(psycopg.Error) as raised:
            api.admin.execute(statement.encode())
        begin = "select script_tracking.track_operation(%s, 'LOAD', 'acme', %s, sql_command => %s) as hk"
        metadata = Jsonb({"api_key": SECRET, "more": [{"note": f"Bearer {SECRET}"}], f"password={SECRET}": 1})
        hk = api.admin.execute(begin, (f"load token={SECRET}", metadata, statement)).fetchone()
        assert hk is not None
        end = "select script_tracking.complete_operation(%s, false, %s, %s, metadata => %s)"
        told = f"{raised.value}\n{statement}"
        api.admin.execute(end, (hk["hk"], told, raised.value.sqlstate, Jsonb({"secret": {"a": SECRET}})))
    api.admin.execute("reset script_tracking.tenant; reset script_tracking.change_ref; reset application_name")


def paths(api: Api, token: str) -> list[str]:
    """Every path that the API describes; of executions those of each that the token sees."""
    described = json.loads(api.ask("/openapi.json").body)["paths"]
    ways = []
    for path in (path.removeprefix("/api/v1") for path in described):
        if "{" not in path:
            ways.append(path)
            continue
        part = path[path.index("{") : path.index("}") + 1]
        ways += [path.replace(part, one["execution_hk"]) for one in api.items("/executions", token)]
    return ways


@pytest.mark.parametrize("token", ["acme", "auditor"])
def test_no_answer_of_any_path_holds_a_secret(api: Api, token: str) -> None:
    put(api)
    ways = paths(api, token)
    assert len(ways) > 20 and any(way.endswith("/tree") for way in ways)
    marked = 0
    for path in ways:
        for form in ("json", "csv", "ndjson"):
            asked = {"identity": "public.keeper()"} if path == "/objects/history" else {}
            answer = api.ask(path, token, format=form, **asked)
            assert answer.status in (200, 403, 406), (path, answer.body)
            assert SECRET.encode() not in answer.body, (path, form)
            marked += b"[redacted]" in answer.body
    assert marked > 10
    stored = api.ask("/executions", token).body.decode()
    assert "keeper" in stored and "load token=[redacted]" in stored and "joe:[redacted]@h" in stored


def test_no_generated_secret_is_left_in_any_answer(api: Api) -> None:
    """Statements that fail for real, declared with what the server said of them as a client shows it."""
    cores: list[str] = []

    @given(st.lists(st.one_of(STATEMENT, BARE_STATEMENT, MISSPELT), min_size=10, max_size=10), generated.SECRET)
    @settings(EXAMPLES, max_examples=int(os.environ.get("REDACT_EXAMPLES", "4")))
    def run(some: list[tuple[str, str]], said: tuple[str, str]) -> None:
        cores.append(said[1])
        begin = "select script_tracking.track_operation('load', 'LOAD', 'acme', %s, sql_command => %s) as hk"
        end = "select script_tracking.complete_operation(%s, false, %s, %s, metadata => %s)"
        for statement, core in some:
            cores.append(core)
            told, sqlstate = "", None
            try:
                with api.admin.transaction(force_rollback=True):
                    api.admin.execute("set local statement_timeout = '20s'; set local lock_timeout = '1s'")
                    api.admin.execute(statement.encode())
            except psycopg.Error as error:
                told, sqlstate = str(error), error.sqlstate
            metadata = Jsonb({"dsn": conninfo_of(said[0]), "list": [{"api_key": said[0]}], "said": statement})
            hk = api.admin.execute(begin, (metadata, statement)).fetchone()
            assert hk is not None
            api.admin.execute(end, (hk["hk"], told, sqlstate, Jsonb({"password": said[0]})))

    run()
    answers = b""
    for form in ("json", "csv", "ndjson"):
        for path in ("/executions", "/errors", "/dashboard", "/performance", "/objects", "/health"):
            answer = api.ask(path, "acme", format=form)
            assert answer.status == 200, (path, answer.body)
            answers += answer.body
    executions = api.items("/executions", "acme", script_type="LOAD", limit=20)
    for one in executions:
        for part in ("", "/versions", "/tree"):
            answers += api.ask(f"/executions/{one['execution_hk']}{part}", "acme").body
    assert len(executions) == 20 and answers.count(b"[redacted]") > len(cores)
    # letters and digits alone: no format writes them otherwise
    left = [answers[max(at - 250, 0) : at + 30] for at in (answers.find(core.encode()) for core in cores) if at >= 0]
    assert left == [], b"\n".join(left[:5])


def test_a_refusal_repeats_no_secret_of_the_request(api: Api) -> None:
    for path in (f"/executions/{quote('password=' + SECRET)}", "/executions", "/objects/history"):
        for asked in ({"limit": f"token={SECRET}"}, {"from_": SECRET}, {"cursor": SECRET}, {"password": SECRET}):
            answer = api.ask(path, "acme", **asked)
            assert answer.status >= 400, (path, asked)
            assert SECRET.encode() not in answer.body, (path, asked)
    assert SECRET.encode() not in api.ask("/executions", f"token-{SECRET}").body
