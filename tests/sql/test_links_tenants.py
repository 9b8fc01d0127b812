"""Links, objects and their names as tenants see them: each its own, and nothing that its retention hides."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.fix_sessions import Login, MakeRole, Session, one, value
from tests.sql.linking import derive
from tests.vault_steps import INTERNAL, LONG_AGO, RECORD


@pytest.fixture
def owner(admin: Session, make_role: MakeRole) -> str:
    """A role that owns the schema shared."""
    role = make_role()
    admin.execute(f"create schema shared authorization {role}".encode())
    return role


@pytest.fixture
def two_tenants(admin: Session, owner: str, make_role: MakeRole, login: Login) -> tuple[Session, Session]:
    """Sessions of two tenants' roles, both members of the owner."""
    sessions = []
    for tenant in ("acme", "zeta"):
        role = make_role("script_tracking_reader", owner)
        admin.execute(b"select script_tracking.register_tenant(%s)", (tenant,))
        admin.execute(b"select script_tracking.grant_tenant(%s, %s)", (tenant, role))
        sessions.append(login(role))
    first, second = sessions
    return first, second


def test_each_tenant_sees_its_own_records_of_an_object_that_both_touched(
    admin: Session, owner: str, two_tenants: tuple[Session, Session], make_role: MakeRole, login: Login
) -> None:
    acme, zeta = two_tenants
    auditor = login(make_role("script_tracking_auditor"))
    for session, statement in (
        (acme, "create table shared.t (id int)"),
        (admin, f"alter table shared.t owner to {owner}"),
        (zeta, "alter table shared.t rename to of_zeta"),
        (zeta, "alter table shared.of_zeta add n int"),
        (acme, "drop table shared.of_zeta"),
    ):
        session.execute(statement.encode())
    ask = "select tenant, script_name from script_tracking.get_object_history(%s)"
    for derived in (False, True):
        if derived:
            derive(admin)
            auditor.execute("set script_tracking.tenant = 'acme'")
            for view in ("object_s", "object_pit", "object_name_s"):
                kept = "select count(*) filter (where tenant_hk <> sha256('acme')) as others, count(*) > 0 as some"
                found = one(auditor, f"{kept} from script_tracking.database_{view}")
                assert found == {"others": 0, "some": True}
            links = "select count(*) from script_tracking.script_execution_object_l where tenant_hk <> sha256('acme')"
            assert value(auditor, links) == 0
            auditor.execute("set script_tracking.tenant = 'zeta'")
            kept = "select identity from script_tracking.database_object_name_s where object_type = 'table' order by 1"
            assert [row["identity"] for row in auditor.execute(kept.encode()).fetchall()] == ["shared.of_zeta"]
            assert value(auditor, "select count(*) from script_tracking.user_h") == 1
        for identity in ("shared.t", "shared.of_zeta"):
            told = [tuple(row.values()) for row in acme.execute(ask.encode(), (identity,)).fetchall()]
            assert told == [("acme", "DROP TABLE"), ("acme", "CREATE TABLE")]
        told = [tuple(row.values()) for row in zeta.execute(ask.encode(), ("shared.of_zeta",)).fetchall()]
        assert told == [("zeta", "ALTER TABLE"), ("zeta", "ALTER TABLE")]
        assert zeta.execute(ask.encode(), ("shared.t",)).fetchall() == [], "a name that only the other tenant knows"
        standing = (
            "select object_identity from script_tracking.get_objects_as_of(clock_timestamp())"
            " where object_type = 'table'"
        )
        assert acme.execute(standing.encode()).fetchall() == []
        assert [row["object_identity"] for row in zeta.execute(standing.encode()).fetchall()] == ["shared.of_zeta"]


def test_nobody_but_the_owner_writes_or_rebuilds(admin: Session, make_role: MakeRole, login: Login) -> None:
    roles = ("script_tracking_app", "script_tracking_reader", "script_tracking_auditor", "script_tracking_daemon")
    session = login(make_role(*roles))
    for statement in (
        f"select {INTERNAL}.rebuild_links()",
        "select from script_tracking.script_execution_object",
        "delete from script_tracking.database_object_h",
        "delete from script_tracking.script_execution_s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement.encode())


def test_what_a_tenants_retention_hides_is_hidden_here_too(
    admin: Session, two_tenants: tuple[Session, Session], make_role: MakeRole, login: Login
) -> None:
    acme, _ = two_tenants
    auditor = login(make_role("script_tracking_auditor"))
    auditor.execute("set script_tracking.tenant = 'acme'")
    told = {
        "evidence": "trigger",
        "objects": [{"type": "table", "schema": "shared", "name": "shared.t", "oid": "20000"}],
    }
    with admin.transaction():
        admin.execute("set local role script_tracking_owner")
        values = {
            "name": "CREATE TABLE",
            "type": "DDL",
            "status": "COMPLETED",
            "at": LONG_AGO,
            "us": 1,
            "tenant": "acme",
        }
        admin.execute(RECORD.encode(), {**values, "metadata": Jsonb(told)})
    derive(admin)
    counts = (
        "select count(*) from script_tracking.get_object_history('shared.t')",
        "select count(*) from script_tracking.get_objects_as_of(clock_timestamp())",
        "select count(*) from script_tracking.database_object_s",
        "select count(*) from script_tracking.database_object_pit",
        "select count(*) from script_tracking.script_execution_object_l",
        "select count(*) from script_tracking.script_execution_user_l",
        "select count(*) from script_tracking.script_execution_pit",
    )
    shown = [(acme, count) for count in counts[:2]] + [(auditor, count) for count in counts]
    assert [value(*each) for each in shown] == [1] * len(shown)
    admin.execute("select script_tracking.set_retention('acme', 1, 'of a test')")
    assert [value(*each) for each in shown] == [0] * len(shown)
