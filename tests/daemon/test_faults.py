"""What goes wrong in the database stays there: the daemon says so, goes on, and recovers by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from exporter.database import connect
from exporter.dsn import Dsn
from exporter.schema.installer import install
from exporter.schema.plan import read_ledger
from exporter.schema.uninstall import uninstall
from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import meddling

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


class Wire:
    """A way to the server that can fall silent: it stays open, and nothing comes through any more."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._silent = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self, silent: bool) -> None:
        """Whether what is sent from now on, either way, is lost."""
        (self._silent.set if silent else self._silent.clear)()

    def close(self) -> None:
        """Ends every connection."""
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._silent.is_set():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def test_a_server_that_falls_silent_counts_as_gone_within_seconds(
    installed_database: str, exporter: StartExporter
) -> None:
    """The session is neither closed nor answered; asking the server to cancel would wait for it again."""
    fields = conninfo_to_dict(installed_database)
    wire = Wire(str(fields["host"]), int(str(fields["port"])))
    try:
        running = exporter(make_conninfo(installed_database, port=wire.port))
        running.wait_for_value(1, "script_tracking_up", **TARGET)
        wire.silence(True)
        began = time.monotonic()
        running.wait_for_event("target_down")
        # an interval of the sign of life, its timeout, and a collector that was under way with its second of grace
        assert time.monotonic() - began < 2 + 3 + 5 + 1 + 1
        assert running.value("script_tracking_up", **TARGET) == 0
        wire.silence(False)
        running.wait_for_value(1, "script_tracking_up", 40, **TARGET)
        began = time.monotonic()
        wire.silence(True)
        time.sleep(1)
        assert running.stop() == 0
        assert time.monotonic() - began < 1 + 2
    finally:
        wire.close()


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


@pytest.mark.parametrize("with_records", [False, True])
async def test_a_removed_schema_is_not_installed_again_unasked(
    installed_database: str, exporter: StartExporter, with_records: bool
) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_collector_success", **TARGET, collector="operations")
    connection = await connect(Dsn(installed_database), application_name="tests")
    try:
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
    finally:
        await connection.close()
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
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 2
