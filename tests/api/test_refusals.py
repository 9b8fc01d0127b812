"""Whom the API refuses and with which words: tokens, roles, paths, parameters, targets that are away."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
from pathlib import Path

import bcrypt
import psycopg
import yaml
from psycopg import sql

from tests.api.conftest import Api, problem
from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import value


def test_who_has_no_token_learns_nothing(api: Api) -> None:
    for path in ("/executions", "/openapi.json", "/nothing", ""):
        for token in (None, "x" * 43, api.tokens["acme"][:-1], f"{api.tokens['acme']}x"):
            answer = api.ask(path, token)
            assert problem(answer) == (401, "a token of the API is needed: Authorization: Bearer TOKEN")
            assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert api.exporter.get("/api/v1/executions", Authorization="Basic YTpi").status == 401
    assert api.exporter.get("/metrics").status == 200
    for name, token in api.tokens.items():
        assert token not in api.exporter.config.with_suffix(".log").read_text(), name


def test_a_role_that_cannot_be_acted_as_is_told_of_with_the_grant(api: Api) -> None:
    refusal = (403, "the role of this token cannot be acted as there; the exporter's log says why")

    def advice(name: str) -> str:
        assert problem(api.ask("/executions", name)) == problem(api.ask("/executions", name)) == refusal
        (event,) = [one for one in api.exporter.events("api_role_refused") if one["token"] == name]
        return str(event["advice"])

    assert advice("lost") == f"run: grant {api.roles['lost']} to {api.login}"
    assert advice("plain") == f"run: grant script_tracking_reader to {api.roles['plain']}"
    assert "superuser" in advice("super")
    assert "there is no role" in advice("none")
    checked = subprocess.run(
        [sys.executable, "-m", "exporter", "check-config", "--connect", "--config", str(api.exporter.config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1 and f"run: grant {api.roles['lost']} to {api.login}" in checked.stderr
    assert f"token acme reads * as {api.roles['acme']}\n" in checked.stdout
    # revoked while the session is open, and granted again
    both = sql.Identifier(api.roles["acme"]), sql.Identifier(api.login)
    assert api.ask("/executions").status == 200
    api.admin.execute(sql.SQL("revoke {} from {}").format(*both))
    assert advice("acme") == f"run: grant {api.roles['acme']} to {api.login}"
    api.admin.execute(sql.SQL("grant {} to {}").format(*both))
    assert api.ask("/executions").status == 200
    api.admin.execute("select script_tracking.revoke_tenant('acme', %s)", (api.roles["acme"],))
    assert api.items("/executions") == []


def test_what_is_not_there_or_not_understood_is_said(api: Api) -> None:
    for path in ("/nothing", "", "/", "/executions/", "/metrics", "/../../metrics"):
        assert problem(api.ask(path))[0] == 404, path
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = api.ask("/executions", method=method)
        assert problem(answer)[0] == 405 and answer.headers["allow"] == "GET, HEAD"
    for asked in (
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "x"},
        {"limit": ""},
        {"tenat": "acme"},
        {"from_": "yesterday"},
        {"from_": "2026-13-01T00:00:00Z"},
        {"from_": "2026-01-01T00:00:00"},
        {"to": "2026-01-01T00:00:00+16:00"},
        {"execution_status": "failed"},
        {"script_name": "a\x00b"},
        {"format": "xml"},
        {"cursor": "bogus"},
        {"cursor": "W10"},
        {"cursor": "WyJhIiwiYiIsImMiXQ", "target": "shop"},
    ):
        status, detail = problem(api.ask("/executions", **asked))
        assert status == (409 if len(asked) == 2 else 422), asked
        name, _, why = detail.partition(": ")
        assert name == next(iter(asked)).rstrip("_") and why and "select" not in detail.lower()
    assert problem(api.ask("/errors", hours="-1"))[0] == 422
    assert problem(api.ask("/executions", limit=0)) == (422, "limit: Input should be greater than or equal to 1")
    for path in ("/executions?tenant=acme&tenant=rival", "/targets?format=csv&format=json"):
        status, detail = problem(api.ask(path))
        assert (status, detail.partition(": ")[2]) == (422, "given twice")
    assert problem(api.ask("/objects/history")) == (422, "identity: is needed")
    assert problem(api.ask("/executions/xyz"))[0] == 422
    assert problem(api.ask(f"/executions/{'0' * 64}")) == (404, "there is no such execution")
    assert problem(api.ask("/executions", target="other")) == (404, "there is no such target")
    cursor = json.loads(api.ask("/executions", limit=1).body)["next"]
    assert problem(api.ask("/executions", limit=1, cursor=cursor, tenant="acme"))[0] == 409
    assert api.ask("/executions", limit=2, cursor=cursor).status == 200
    assert not api.exporter.events("http_error")


def test_sessions_are_few_read_only_and_closed_when_the_database_goes(api: Api) -> None:
    assert api.ask("/executions").status == 200
    open_sessions = "select count(*) from pg_stat_activity where application_name = 'script-tracking-exporter api'"
    assert value(api.admin, open_sessions) == 1
    # nothing of the token's role is left in the session between two requests
    state = open_sessions.replace("count(*)", "usename::text || state")
    eventually(lambda: value(api.admin, state) == f"{api.login}idle", 30)
    # locked: an answer, and no session that waits
    with psycopg.connect(conninfo_of(api)) as holder:
        holder.execute("select pg_advisory_xact_lock(6001874101)")
        holder.execute("lock table script_tracking.script_execution_s")
        answer = api.ask("/executions")
        assert problem(answer) == (503, "the record is locked at the moment")
        assert answer.headers["retry-after"] == "1"
    assert api.ask("/executions").status == 200
    name = sql.Identifier(api.admin.info.dbname)
    api.admin.execute(sql.SQL("alter database {} connection limit 0").format(name))
    api.admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", (api.login,))
    answer = api.ask("/executions")
    assert problem(answer) == (503, "the database does not answer") and answer.headers["retry-after"]
    assert api.items("/targets")[0]["target"] == "shop"
    api.admin.execute(sql.SQL("alter database {} connection limit -1").format(name))
    eventually(lambda: api.ask("/executions").status == 200, 60)


def test_of_a_target_that_never_answered_nothing_is_said_but_that(exporter: StartExporter) -> None:
    """No schema version either: 0 is said of a database without the schema."""
    token = secrets.token_urlsafe(32)
    entry = {"name": "acme", "role": "reader", "token_sha256": hashlib.sha256(token.encode()).hexdigest()}
    running = exporter("postgresql://reader@127.0.0.1:1/shop", api={"tokens": [entry]})
    running.wait_for_value(0, "script_tracking_up")
    answer = running.get("/api/v1/targets", Authorization=f"Bearer {token}")
    (target,) = json.loads(answer.body)["items"]
    assert target == {"target": "shop", "up": False, "standby": None, "schema_version": None}


def conninfo_of(api: Api) -> str:
    """Of the database, as its superuser."""
    info = api.admin.info
    return f"host={info.host} port={info.port} dbname={info.dbname} user={info.user} password='{info.password}'"


def test_tokens_and_passwords_guard_paths_of_their_own(api: Api, tmp_path: Path) -> None:
    """Both come in the header Authorization: so a token stands for the password, on the API's paths alone."""
    users = {"alice": bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()}
    (tmp_path / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": users}))
    config = yaml.safe_load(api.exporter.config.read_text())
    basic = "Basic YWxpY2U6c2VjcmV0"
    api.exporter.stop()
    config["web"] = {"config_file": "web.yml"}
    api.exporter.config.write_text(yaml.safe_dump(config))
    api.exporter = type(api.exporter)(api.exporter.config, tmp_path / "again.log")
    try:
        assert api.exporter.get("/metrics").status == 401
        assert api.exporter.get("/metrics", Authorization=f"Bearer {api.tokens['acme']}").status == 401
        assert api.exporter.get("/metrics", Authorization=basic).status == 200
        assert api.exporter.get("/api/v1/executions", Authorization=basic).status == 401
        assert eventually(lambda: api.ask("/executions").status == 200, 30)
        # a token that is taken out of the configuration is none any more, once that is read again
        config["api"]["tokens"] = [one for one in config["api"]["tokens"] if one["name"] != "acme"]
        api.exporter.config.write_text(yaml.safe_dump(config))
        api.exporter.process.send_signal(1)
        assert eventually(lambda: api.ask("/executions").status == 401, 30)
        assert api.ask("/executions", "rival").status == 200
    finally:
        api.exporter.stop()
