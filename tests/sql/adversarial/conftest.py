"""A tenant that is spied upon, and the role of another tenant that tries."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from tests.fix_sessions import Login, MakeRole, Session, value

SECRET = "hunter2000"


@dataclass(frozen=True)
class Victim:
    """What nobody else should see: a word that stands in every text of the tenant, its key, its operations' keys."""

    role: str
    session: Session
    tenant_hk: bytes
    running: bytes
    ended: bytes

    @property
    def traces(self) -> tuple[str, ...]:
        return (SECRET, self.tenant_hk.hex(), self.running.hex(), self.ended.hex(), self.role)


def as_told(found: object) -> object:
    """Keys in hexadecimal, as a client sees them, and not as Python writes bytes: some of them as letters."""
    if isinstance(found, bytes):
        return found.hex()
    if isinstance(found, dict):
        return {name: as_told(part) for name, part in found.items()}
    if isinstance(found, list | tuple):
        return [as_told(part) for part in found]
    return found


@dataclass
class Spy:
    """A session that keeps everything it was told: rows, notices, errors with all their fields."""

    role: str
    session: Session
    told: list[str]

    def __call__(self, *statements: str) -> str:
        """Runs the statements, whatever becomes of them; what was told, in lower case."""
        before = len(self.told)
        for statement in statements:
            try:
                cursor = self.session.execute(statement.encode())
                while True:
                    if cursor.description:
                        self.told.append(str([as_told(dict(row)) for row in cursor.fetchall()]))
                    if not cursor.nextset():
                        break
            except psycopg.Error as error:
                fields = ("sqlstate", "message_primary", "message_detail", "message_hint", "context", "internal_query")
                # what the spy wrote himself tells him nothing
                told = " ".join(str(getattr(error.diag, field)) for field in fields)
                self.told.append(told.replace(statement, ""))
        return " ".join(self.told[before:]).lower().replace("\\x", "")


@pytest.fixture
def victim(admin: Session, make_role: MakeRole, login: Login) -> Victim:
    role = make_role("script_tracking_app", "script_tracking_reader")
    tenant_hk = value(admin, "select script_tracking.register_tenant('victim')")
    admin.execute("select script_tracking.grant_tenant('victim', %s)", (role,))
    admin.execute(f"create schema theirs authorization {role}".encode())
    session = login(role)
    session.execute(f"set script_tracking.app_user = '{SECRET}'".encode())
    session.execute(f"create table theirs.{SECRET} (id int)".encode())
    begin = (
        f"select script_tracking.track_operation('{SECRET}', '{SECRET.upper()}', metadata => '{{\"x\": \"{SECRET}\"}}')"
    )
    ended, running = value(session, begin), value(session, begin)
    session.execute("select script_tracking.complete_operation(%s, false, %s, '22012')", (ended, f"no {SECRET} today"))
    assert isinstance(tenant_hk, bytes)
    assert isinstance(running, bytes)
    assert isinstance(ended, bytes)
    return Victim(role, session, tenant_hk, running, ended)


@pytest.fixture
def spy(admin: Session, make_role: MakeRole, login: Login, victim: Victim) -> Spy:
    """A member of another tenant who declares and reads, has a schema and may make temporary tables; two operations are
    his own."""
    role = make_role("script_tracking_app", "script_tracking_reader")
    admin.execute("select script_tracking.register_tenant('acme'), script_tracking.grant_tenant('acme', %s)", (role,))
    admin.execute(f"create schema lair authorization {role}".encode())
    database = sql.Identifier(admin.info.dbname)
    admin.execute(sql.SQL("grant temporary on database {} to {}").format(database, sql.Identifier(role)))
    admin.execute("analyze")
    session = login(role)
    for _ in range(2):
        session.execute("select script_tracking.track_operation('mine', 'BATCH')")
    told: list[str] = []
    session.add_notice_handler(lambda notice: told.append(f"{notice.message_primary} {notice.message_detail}"))
    return Spy(role, session, told)


def seen(told: str, victim: Victim) -> list[str]:
    """Which of the victim's traces stand in what was told."""
    return [trace for trace in victim.traces if trace.lower() in told]


READS = (
    "select * from script_tracking.get_execution_history(30)",
    "select * from script_tracking.get_execution_history(30, 5, now(), 'victim')",
    "select * from script_tracking.get_execution_history(30, only_execution_status => 'FAILED')",
    "select h from script_tracking.get_execution_history(30) as h",
    "select row_to_json(h) from script_tracking.get_execution_history(30) as h",
    "select tenant, count(*) from script_tracking.get_execution_history(30) group by rollup (tenant)",
    "select max(script_name), min(script_name), max(tenant) from script_tracking.get_execution_history(30)",
    "select v.* from script_tracking.get_execution_history(30) as h"
    " cross join lateral script_tracking.get_execution_as_of(h.execution_hk, now()) as v",
    "select t.* from script_tracking.get_execution_history(30) as h"
    " cross join lateral script_tracking.get_execution_tree(h.execution_hk) as t",
    "select * from script_tracking.get_objects_as_of(now())",
    "select h.* from script_tracking.get_objects_as_of(now()) as o"
    " cross join lateral script_tracking.get_object_history(o.object_identity) as h",
    "select * from script_tracking.get_running_operations()",
    "select * from script_tracking.get_enterprise_dashboard()",
    "select * from script_tracking.get_performance_metrics()",
    "select * from script_tracking.get_recent_errors(720)",
    "select * from script_tracking.get_system_health()",
)
