"""A copy of a tracked database, such as production's started as staging: nothing of it is published until confirmed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tests.fix_databases import new_database
from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.fix_sessions import Login, MakeRole, Session, history, opened, value
from tests.postgres_server import Server

TARGET = {"target": "shop"}
UNCONFIRMED = "script_tracking_unconfirmed_copy"
CONFIRM = "select script_tracking.confirm_copy(%s)"
COPIED_FROM = "select script_tracking_internal.unconfirmed_copy()"


def lines(exposition: str) -> list[str]:
    """The samples that speak of a target."""
    return [line for line in exposition.splitlines() if "target=" in line]


def told(running: Exporter) -> list[str]:
    """The samples that speak of the target."""
    return lines(running.get("/metrics").body.decode())


def test_a_copy_publishes_nothing_until_it_is_confirmed(
    installed_database: str, admin: Session, postgres: Server, exporter: StartExporter
) -> None:
    admin.execute("create table public.orders (id int)")
    name = admin.info.dbname
    source = value(admin, "select record_source from script_tracking_internal.installation")
    admin.close()
    with new_database(postgres, template=name) as dsn:
        running = exporter(dsn, schema="check", collectors={"operations": {"interval": "1s"}})
        running.wait_for_value(1, UNCONFIRMED, **TARGET)
        assert told(running) == [f'{UNCONFIRMED}{{target="shop"}} 1.0']
        with closing(opened(dsn)) as copy:
            # its house is kept, and what is done there is recorded there
            find = "select incarnation from script_tracking_internal.installation"
            eventually(lambda: value(copy, find) == 2, 20)
            assert value(copy, COPIED_FROM) == source
            copy.execute("create table public.more (id int)")
            assert len(history(copy, "CREATE TABLE")) == 2  # beside them, at some time, the baseline
            health = "select status from script_tracking.get_system_health() where check_name = 'unconfirmed_copy'"
            assert value(copy, health) == "critical"
            assert told(running) == [f'{UNCONFIRMED}{{target="shop"}} 1.0']
            once = subprocess.run(
                [sys.executable, "-m", "exporter", "collect", "--dsn", dsn], capture_output=True, text=True, check=False
            )
            assert once.returncode == 1
            assert [line.partition("{")[0] for line in lines(once.stdout)] == [UNCONFIRMED]
            (event,) = running.events("copy_not_confirmed")
            assert event["copied_from"] == source
            assert value(copy, CONFIRM, "staging, refreshed on Mondays") is True
            running.wait_for_value(0, UNCONFIRMED, **TARGET)
            running.wait_for_value(
                2, "script_tracking_operations_total", **TARGET, script_type="DDL", status="COMPLETED"
            )
            running.wait_for_value(1, "script_tracking_up", **TARGET)
            assert len(running.events("copy_confirmed")) == 1
            assert value(copy, CONFIRM, "again") is False
            assert value(copy, health) == "ok"
            (row,) = history(copy, "confirm_copy")
        assert row["metadata"]["reason"] == "staging, refreshed on Mondays"
        assert row["metadata"]["before"]["copied_from"] == source


def test_a_rename_is_no_copy_and_another_cluster_is(postgres: Server, admin: Session) -> None:
    name = admin.info.dbname
    assert value(admin, COPIED_FROM) is None
    with closing(psycopg.connect(postgres.dsn, autocommit=True)) as elsewhere:
        dsn = admin.info.dsn
        admin.close()
        renames = sql.SQL("alter database {} rename to {}")
        names = sql.Identifier(name), sql.Identifier(f"{name}_renamed")
        elsewhere.execute(renames.format(*names))
        try:
            with closing(
                psycopg.connect(dsn, dbname=f"{name}_renamed", autocommit=True, row_factory=dict_row)
            ) as renamed:
                assert value(renamed, "select script_tracking_internal.ensure_incarnation()") == 1
                assert value(renamed, COPIED_FROM) is None
                assert value(renamed, CONFIRM, "is none") is False
                # a dump that was restored in another cluster, under an oid that happens to be the same
                renamed.execute("update script_tracking_internal.installation set system_identifier = '1'")
                assert value(renamed, COPIED_FROM) is not None, "before anybody has noted it"
                assert value(renamed, "select script_tracking_internal.ensure_incarnation()") == 2
                assert value(renamed, COPIED_FROM) is not None
                # the clock of transactions set back, as by a recovery to a point in time, changes neither
                renamed.execute("update script_tracking_internal.rollup_state set horizon = '9999999999'")
                assert value(renamed, "select script_tracking_internal.ensure_incarnation()") == 3
                assert value(renamed, COPIED_FROM) is not None
                assert value(renamed, CONFIRM, "moved to a new cluster") is True
                renamed.execute("update script_tracking_internal.rollup_state set horizon = '9999999999'")
                assert value(renamed, "select script_tracking_internal.ensure_incarnation()") == 4
                assert value(renamed, COPIED_FROM) is None
        finally:
            elsewhere.execute(renames.format(*reversed(names)))


def test_nobody_but_a_superuser_confirms_and_not_without_a_reason(
    admin: Session, make_role: MakeRole, login: Login
) -> None:
    roles = ("script_tracking_app", "script_tracking_reader", "script_tracking_auditor", "script_tracking_daemon")
    session = login(make_role(*roles))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(CONFIRM, ("mine",))
    with pytest.raises(psycopg.Error) as refused:
        admin.execute(CONFIRM, (" ",))
    assert refused.value.sqlstate == "ST003"
