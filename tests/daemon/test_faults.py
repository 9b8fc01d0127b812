"""What goes wrong in the database stays there: the daemon says so, goes on, and recovers by itself."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from exporter.schema.installer import install
from exporter.schema.plan import read_ledger
from exporter.schema.uninstall import uninstall
from tests.faults.road import Road
from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import meddling
from tests.installing import as_program
from tests.postgres_server import Server

TARGET = {"target": "shop"}


@pytest.fixture
def admin(installed_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(installed_database, autocommit=True) as connection:
        yield connection


def test_a_function_of_another_shape_fails_its_collector_only(
    admin: psycopg.Connection, installed_database: str, exporter: StartExporter
) -> None:
    function = "script_tracking_internal.collect_running()"
    admin.execute(meddling(f"drop function {function}").encode())
    admin.execute(
        meddling(
            f"create function {function} returns table (tenant text, tally bigint) language sql as $$ select 'a', 1 $$"
        ).encode()
    )
    running = exporter(installed_database, schema="check", collectors={"running": {"interval": "1s"}})
    running.wait_for_value(1, "script_tracking_collector_success", **TARGET, collector="operations")
    event = running.wait_for_event("collector_failed")
    running.wait_for_value(0, "script_tracking_collector_success", **TARGET, collector="running")
    assert event["collector"] == "running"
    assert str(event["reason"]).endswith("no column oldest_start_timestamp_seconds, running, script_type")
    admin.execute(meddling(f"drop function {function}").encode())
    admin.execute(
        meddling(
            f"create function {function} returns table (tenant text, script_type text, running bigint,"
            " oldest_start_timestamp_seconds double precision) language sql as $$ select 'a', 'b', 1, 2 $$"
        ).encode()
    )
    running.wait_for_value(1, "script_tracking_collector_success", **TARGET, collector="running")
    assert running.process.poll() is None


@pytest.mark.majors
def test_a_server_that_falls_silent_counts_as_gone_within_seconds(
    installed_database: str, exporter: StartExporter
) -> None:
    """The session is neither closed nor answered; asking the server to cancel would wait for it again."""
    fields = conninfo_to_dict(installed_database)
    wire = Road(str(fields["host"]), int(str(fields["port"])))
    try:
        running = exporter(make_conninfo(installed_database, port=wire.port))
        running.wait_for_value(1, "script_tracking_up", **TARGET)
        wire.silence(True)
        began = time.monotonic()
        running.wait_for_event("target_down")
        # an interval of the sign of life, its timeout, and a collector that was under way with its second of grace are
        # 11 seconds; the kernel would take minutes to give the connection up
        assert time.monotonic() - began < 45
        assert running.value("script_tracking_up", **TARGET) == 0
        wire.silence(False)
        running.wait_for_value(1, "script_tracking_up", 40, **TARGET)
        wire.silence(True)
        time.sleep(1)
        code, waited = running.stop_and_look()
        assert (code, waited < 2) == (0, True), waited
    finally:
        wire.close()


@pytest.mark.majors  # two looks at the ledger, half a minute apart
def test_a_breaking_migration_stops_the_collection_of_a_running_daemon(
    admin: psycopg.Connection, installed_database: str, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_collector_success", **TARGET, collector="operations")
    admin.execute(
        "insert into script_tracking_internal.schema_migration (version, name, checksum, breaking, program_version)"
        " values (999, 'change_everything', 'x', true, '99')"
    )
    running.wait_for_value(0, "script_tracking_collector_success", 40, **TARGET, collector="operations")
    assert running.value("script_tracking_schema_version", **TARGET) == 999
    admin.execute("delete from script_tracking_internal.schema_migration where version = 999")
    running.wait_for_value(1, "script_tracking_collector_success", 90, **TARGET, collector="operations")


@pytest.mark.majors
@pytest.mark.parametrize("with_records", [False, True])
async def test_a_removed_schema_is_not_installed_again_unasked(
    installed_database: str, exporter: StartExporter, with_records: bool
) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_collector_success", **TARGET, collector="operations")
    async with as_program(installed_database) as connection:
        await uninstall(connection, with_records=with_records)
        (event,) = [eventually(lambda: next(iter(running.events("schema_not_settled")), None), 40)]
        assert event["level"] == "error"
        assert "removed" in str(event["reason"])
        running.wait_for_value(0, "script_tracking_schema_version", **TARGET)
        running.wait_for_value(0, "script_tracking_collector_success", **TARGET, collector="operations")
        assert running.value("script_tracking_up", **TARGET) == 1
        await asyncio.sleep(5)
        assert not (await read_ledger(connection)).is_whole
        await install(connection)  # by whoever asked for it
    running.wait_for_value(1, "script_tracking_collector_success", 90, **TARGET, collector="operations")
    assert len(running.events("schema_not_settled")) == 1


def test_a_changed_secret_file_is_read_at_the_next_connection(
    admin: psycopg.Connection, installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    secret = tmp_path / "dsn"
    secret.write_text(make_conninfo(installed_database, user="nobody_of_that_name"))
    running = exporter(installed_database, targets=[{"name": "shop", "dsn_file": str(secret)}])
    running.wait_for_event("target_down")
    secret.write_text(installed_database)
    running.wait_for_value(1, "script_tracking_up", **TARGET)


def test_a_signal_ends_it_within_two_seconds_though_a_name_does_not_resolve(
    installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    """The resolver's thread cannot be ended, and an interpreter waits for its threads."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket, time\n"
        "real = socket.getaddrinfo\n"
        "def slow(host, *args, **kwargs):\n"
        "    if host == 'slow.example': time.sleep(30)\n"
        "    return real(host, *args, **kwargs)\n"
        "socket.getaddrinfo = slow\n"
    )
    running = exporter("postgresql://postgres@slow.example/shop", environment={"PYTHONPATH": str(tmp_path)})
    assert running.value("script_tracking_up", **TARGET) == 0
    time.sleep(1)
    code, waited = running.stop_and_look()
    assert (code, waited < 2) == (0, True), waited


@pytest.mark.majors
def test_names_that_do_not_resolve_cost_the_other_names_and_a_reload_nothing(
    installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    """However long the resolver takes: with servers of names that are away, half a minute each time."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket, time\n"
        "real = socket.getaddrinfo\n"
        "def slow(host, *args, **kwargs):\n"
        "    if str(host).endswith('slow.example'): time.sleep(300)\n"
        "    return real('127.0.0.1' if host == 'fast.example' else host, *args, **kwargs)\n"
        "socket.getaddrinfo = slow\n"
    )
    slow = [{"name": f"s{number}", "dsn": f"postgresql://x@s{number}.slow.example/x"} for number in range(12)]
    targets = [*slow, {"name": "shop", "dsn": make_conninfo(installed_database, host="fast.example")}]
    running = exporter("", targets=targets, environment={"PYTHONPATH": str(tmp_path)})
    running.wait_for_value(1, "script_tracking_up", 60, target="shop")
    eventually(lambda: {str(event["target"]) for event in running.events("target_down")} >= {"s0", "s11"}, 60)
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_event("configuration_reloaded", 60)
    assert running.stop() == 0


@pytest.mark.majors
def test_a_slot_whose_log_can_never_be_decoded_is_dropped(
    postgres: Server, installed_database: str, exporter: StartExporter
) -> None:
    """What was written before the database moved names files of a place in which it is no more."""
    running = exporter(installed_database)
    running.wait_for_event("capture_slot_made")
    running.stop()
    with psycopg.connect(installed_database, autocommit=True) as session:
        session.execute("create table public.moved as select generate_series(1, 100)")
    name = str(conninfo_to_dict(installed_database)["dbname"])
    database, space = sql.Identifier(name), sql.Identifier("elsewhere")
    move = sql.SQL("alter database {} set tablespace {}")
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute("set allow_in_place_tablespaces = on")
        admin.execute(sql.SQL("create tablespace {} location ''").format(space))
        try:
            eventually(lambda: _moved(admin, move.format(database, space)), 60)
            again = exporter(installed_database)
            dropped = again.wait_for_event("capture_slot_dropped", 60)
            assert "could not map" in str(dropped["reason"])
            again.wait_for_event("capture_recovered", 60)  # at the level basic; another is made 15 minutes later
            again.wait_for_value(1, "script_tracking_capture_success", 60, **TARGET)
            again.stop()
        finally:
            kill = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
            admin.execute(kill, (name,))
            eventually(lambda: _moved(admin, move.format(database, sql.Identifier("pg_default"))), 20)
            admin.execute(sql.SQL("drop tablespace {}").format(space))


def _moved(admin: psycopg.Connection, statement: sql.Composed) -> bool:
    try:
        admin.execute(statement)
    except psycopg.errors.ObjectInUse:  # a session is still on its way out
        return False
    return True
