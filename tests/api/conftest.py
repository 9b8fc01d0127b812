"""A daemon with the API: two tenants, a reader of each, an auditor, and a role that nobody granted to the exporter."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.fix_exporter import Answer, Exporter, StartExporter
from tests.fix_sessions import MakeRole, Session, value

TENANTS = ("acme", "rival")


@dataclass
class Api:
    """The daemon, and who may ask it what."""

    exporter: Exporter
    admin: Session
    login: str  # the exporter's role
    roles: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(
        self, path: str, token: str | None = "acme", /, *, method: str = "GET", accept: str = "", **asked: Any
    ) -> Answer:
        """What a path answers; `from_` is `from`."""
        headers = {} if token is None else {"Authorization": f"Bearer {self.tokens.get(token, token)}"}
        if accept:
            headers["Accept"] = accept
        query = urlencode({key.rstrip("_"): value for key, value in asked.items()})
        return self.exporter.get(f"/api/v1{path}{'?' if query else ''}{query}", method, **headers)

    def items(self, path: str, token: str = "acme", /, **asked: Any) -> list[dict[str, Any]]:
        """The items of a page, or of all of them."""
        answer = self.ask(path, token, **asked)
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = json.loads(answer.body)["items"]
        return found

    def pages(self, path: str, token: str = "acme", /, **asked: Any) -> Iterator[list[dict[str, Any]]]:
        """Page after page."""
        cursor: dict[str, str] = {}
        while True:
            answer = self.ask(path, token, **asked, **cursor)
            assert answer.status == 200, answer.body
            document = json.loads(answer.body)
            yield document["items"]
            if document["next"] is None:
                return
            cursor = {"cursor": document["next"]}


def problem(answer: Answer) -> tuple[int, str]:
    """Status and words of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = json.loads(answer.body)
    assert document["status"] == answer.status and document["title"]
    return answer.status, document["detail"]


@pytest.fixture
def api(admin: Session, installed_database: str, make_role: MakeRole, exporter: StartExporter, tmp_path: Path) -> Api:
    """The running daemon; its role is no superuser. Each tenant has operations and an object of its own."""
    roles = {"auditor": make_role("script_tracking_auditor"), "lost": make_role("script_tracking_reader")}
    for tenant in TENANTS:
        roles[tenant] = make_role("script_tracking_reader", "script_tracking_app")
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        admin.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, roles[tenant]))
    login = make_role("script_tracking_daemon", roles["auditor"], *(roles[tenant] for tenant in TENANTS))
    plain = make_role()
    admin.execute(sql.SQL("grant {} to {}").format(sql.Identifier(plain), sql.Identifier(login)))
    for tenant in TENANTS:
        populate(admin, tenant)
    tokens = {name: secrets.token_urlsafe(32) for name in (*roles, "plain", "narrow", "super", "none")}
    roles |= {"plain": plain, "narrow": roles["auditor"], "super": superuser(admin), "none": "none"}
    entries: list[dict[str, Any]] = []
    for name, token in tokens.items():
        entry: dict[str, Any] = {"name": name, "role": roles[name]}
        if name == "acme":
            (tmp_path / "acme-token").write_text(f"{token}\n")
            entry["token_file"] = "acme-token"
        else:
            entry["token_sha256"] = hashlib.sha256(token.encode()).hexdigest()
        if name == "narrow":
            entry["tenant"] = "rival"
        entries.append(entry)
    dsn = make_conninfo(installed_database, user=login)
    running = exporter(dsn, schema="check", api={"tokens": entries})
    running.wait_for_value(1, "script_tracking_up")
    return Api(running, admin, login, roles, tokens)


def superuser(admin: Session) -> str:
    """The name of the superuser."""
    row = admin.execute("select current_user as name").fetchone()
    assert row is not None
    return str(row["name"])


def populate(admin: Session, tenant: str) -> None:
    """A night with a load that failed, an operation that runs, and a table: all of it named after the tenant."""
    begin = "select script_tracking.track_operation(%s, %s, %s, parent_hk => %s)"
    night = value(admin, begin, f"night {tenant}", "BATCH", tenant, None)
    load = value(admin, begin, f"load {tenant}", "LOAD", tenant, night)
    end = "select script_tracking.complete_operation(%s, false, %s, 'XX000')"
    admin.execute(end, (load, f'load {tenant} "broke", badly\nand stopped'))
    with admin.transaction():
        admin.execute("select set_config('script_tracking.tenant', %s, true)", (tenant,))
        admin.execute(sql.SQL("create table {} (id int)").format(sql.Identifier(f"of_{tenant}")))
