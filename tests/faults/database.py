"""Faults of the database, of the exporter's role, and of what collectors call."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.faults.fault import ALIVE, COUNTER, DOWN, SERVED, UP_AGAIN, Fault, success
from tests.faults.scene import Scene, sample
from tests.fix_exporter import eventually
from tests.fix_sessions import meddling
from tests.installing import installed, uninstalled

FUNCTION = "script_tracking_internal.collect_running()"
DROPPED = sample("dropped_series_total", collector="running")
ASLEEP = "select pid from pg_stat_activity where usename = 'exporter' and wait_event = 'PgSleep'"


def does(body: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """The function of the collector `running` does this instead."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        scene.memory["dropped"] = scene.samples().get(DROPPED, 0.0)
        with scene.admin() as admin:
            row = admin.execute(
                "select pg_get_functiondef(f), pg_get_function_result(f) from (select %s::regprocedure) as x (f)",
                (FUNCTION,),
            ).fetchone()
            assert row is not None
            other = f"create or replace function {FUNCTION} returns {row[1]} language plpgsql as $f$ {body} $f$"
            admin.execute(meddling(other).encode())
            try:
                yield
            finally:
                admin.execute(meddling(row[0]).encode())

    return inject


def drops_more(scene: Scene) -> Mapping[str, float]:
    """Whether the counter of dropped samples has risen."""
    return {"dropped_series_total rises": float(scene.samples().get(DROPPED, 0.0) > scene.memory["dropped"])}


def amid_a_query(function: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Calls a function on the session that collects, while it does."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        with does("begin perform pg_sleep(3); end")(scene), scene.admin() as admin:
            end = sql.SQL("select {}(pid) from ({}) as x").format(sql.Identifier(function), sql.SQL(ASLEEP))
            eventually(lambda: admin.execute(end).fetchone(), 40)
            yield

    return inject


def statements(begin: str, end: str, *, ours: bool = True) -> Callable[[Scene], AbstractContextManager[None]]:
    """Runs one, and the other at the end; `ours` are statements on the tracker's own schemas."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        with scene.admin() as admin:
            admin.execute((meddling(begin) if ours else begin).encode())
            try:
                yield
            finally:
                admin.execute((meddling(end) if ours else end).encode())

    return inject


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    with scene.admin() as admin, admin.transaction():
        admin.execute("lock table script_tracking.script_execution_s in access exclusive mode")
        yield


@contextmanager
def dropped(scene: Scene) -> Iterator[None]:
    dsn = make_conninfo(scene.victim.dsn, dbname="shop")

    asyncio.run(uninstalled(dsn))
    try:
        yield
    finally:
        asyncio.run(installed(dsn))


@contextmanager
def other_password(scene: Scene) -> Iterator[None]:
    password = f"new {uuid.uuid4().hex[:8]}"
    with scene.admin() as admin:
        admin.execute(sql.SQL("alter role exporter password {}").format(sql.Literal(password)))
    scene.terminate()
    try:
        yield
    finally:
        scene.password.write_text(password, encoding="utf-8")


@contextmanager
def no_password_file(scene: Scene) -> Iterator[None]:
    away = scene.password.with_suffix(".away")
    scene.password.rename(away)
    scene.terminate()
    try:
        yield
    finally:
        away.rename(scene.password)


def _move(scene: Scene, tablespace: str) -> None:
    """Moves the database, in which nobody may be meanwhile."""
    with scene.admin("postgres") as admin:
        admin.execute("alter database shop allow_connections false")
        for _ in range(100):
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop'")
            with suppress(psycopg.errors.ObjectInUse):
                admin.execute(sql.SQL("alter database shop set tablespace {}").format(sql.Identifier(tablespace)))
                break
            time.sleep(0.1)
        admin.execute("alter database shop allow_connections true")


def onto_a_small_disk(scene: Scene) -> None:
    """Moves the database to a file system of its own, which takes root."""
    if os.geteuid() != 0:
        pytest.skip("root is missing, who may mount a small file system")
    disk = Path(tempfile.mkdtemp(prefix="script-tracking-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(disk)], check=True)

    def gone() -> None:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
        disk.rmdir()

    scene.at_end(gone)
    scene.at_end(lambda: _move(scene, "pg_default"))
    if scene.victim._user is not None:
        shutil.chown(disk, scene.victim._user)
    disk.chmod(0o700)
    with scene.admin("postgres") as admin:
        admin.execute(sql.SQL("create tablespace small location {}").format(sql.Literal(str(disk))))
    _move(scene, "small")
    scene.disk = disk


@contextmanager
def full(scene: Scene) -> Iterator[None]:
    filler = scene.disk / "filler"
    with scene.admin() as admin, filler.open("wb") as file:
        try:
            with suppress(OSError):
                while True:
                    file.write(bytes(8192))
                    file.flush()
            with suppress(psycopg.errors.DiskFull):
                admin.execute("create table public.large as select generate_series(1, 1000000)")
                raise AssertionError("the disk is not full")
            yield
        finally:
            file.close()
            filler.unlink()


NEWER = (
    "insert into script_tracking_internal.schema_migration (version, name, checksum, breaking, program_version)"
    " values (999, 'change_everything', 'x', true, '99')"
)
ROWS = "begin return query select {}::text, 'b'::text, 1::bigint, 1::double precision from generate_series(1, 2); end"
MEMBER = "script_tracking_daemon"
RIGHT = f"execute on function {FUNCTION}"
FAILS: Mapping[str, float | None] = {**ALIVE, success("running"): 0, success("operations"): 1}
BLIND: Mapping[str, float | None] = {**ALIVE, success("operations"): 0, COUNTER: None}
FAILED = ("collector_failed",)

CASES = (
    Fault("a table locked (ACCESS EXCLUSIVE)", locked, BLIND, FAILED, within=20),
    Fault("a collector's function raises", does("begin raise exception 'broken'; end"), FAILS, FAILED),
    Fault("a collector's function hangs", does("begin perform pg_sleep(3600); end"), FAILS, FAILED, within=15),
    Fault(
        "a collector returns rows twice", does(ROWS.format("'a'")),
        {**ALIVE, success("running"): 1, "dropped_series_total rises": 1}, observe=drops_more,
    ),
    Fault(
        "a collector returns rows without a label", does(ROWS.format("null")),
        {**ALIVE, success("running"): 1, "dropped_series_total rises": 1}, observe=drops_more,
    ),
    Fault("pg_terminate_backend amid a query", amid_a_query("pg_terminate_backend"), ALIVE, may_log=("target_down",)),
    Fault("pg_cancel_backend amid a query", amid_a_query("pg_cancel_backend"), ALIVE, FAILED, within=20),
    Fault(
        "the right to a function revoked",
        statements(f"revoke {RIGHT} from script_tracking_daemon", f"grant {RIGHT} to script_tracking_daemon"),
        FAILS, FAILED,
    ),
    Fault(
        "membership of script_tracking_daemon revoked",
        statements(f"revoke {MEMBER} from exporter", f"grant {MEMBER} to exporter", ours=False),
        BLIND, ("collector_failed", "schema_not_settled"), within=40, recovers=90,
        times=2,  # what archives may be amid one statement or before the next: another reason is told as well
    ),
    Fault("password changed, then the password file", other_password, DOWN, ("target_down",), passes_log=UP_AGAIN),
    Fault("password file gone", no_password_file, DOWN, ("target_down",), passes_log=UP_AGAIN),
    Fault(
        "schema dropped", dropped, {**BLIND, sample("schema_version"): 0}, ("schema_not_settled",),
        FAILED, within=40, recovers=90, times=3,
    ),
    Fault(
        "schema newer than the program, and breaking",
        statements(NEWER, "delete from script_tracking_internal.schema_migration where version = 999", ours=False),
        {**BLIND, sample("schema_version"): 999}, FAILED, ("schema_not_settled",), within=40, recovers=90,
    ),
    Fault(
        "disk full (a tablespace on a small file system)", full, {**SERVED, success("operations"): 1},
        may_log=(*FAILED, "target_down", "capture_slot_dropped"), times=2, prepare=onto_a_small_disk,
    ),
)  # fmt: skip
