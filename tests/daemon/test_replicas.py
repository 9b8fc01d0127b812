"""Two exporters of one database, also behind a pooler: each job of upkeep is done once, and both tell the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import psycopg
import pytest

from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from exporter.upkeep import keeper
from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.fix_sessions import Session, opened, value
from tests.harmless.pooler import Pooler, program
from tests.installing import as_program
from tests.postgres_server import Server

INTERNAL = "script_tracking_internal"
ENOUGH_RUNS = 4


@pytest.fixture(params=["direct", "pooler"])
def way(request: pytest.FixtureRequest, postgres: Server, installed_database: str) -> Iterator[str]:
    """DSN of a tracked database."""
    if request.param == "direct":
        yield installed_database
        return
    if program() is None:
        pytest.skip("pgbouncer is missing (Debian: apt-get install pgbouncer)")
    pooler = Pooler(postgres)
    yield pooler.dsn(installed_database)
    pooler.stop()


@pytest.fixture
def admin(installed_database: str) -> Iterator[Session]:
    with opened(installed_database) as session:
        yield session


def _runs(admin: Session) -> dict[str, int]:
    rows = admin.execute(f"select job, runs from {INTERNAL}.upkeep_run".encode()).fetchall()
    return {row["job"]: row["runs"] for row in rows}


@pytest.mark.majors  # half a minute of rounds, twice
def test_each_job_runs_once_in_its_interval_whoever_comes_first(
    way: str, admin: Session, exporter: StartExporter
) -> None:
    since = time.monotonic()
    pair = [exporter(way) for _ in range(2)]
    for running in pair:
        running.wait_for_value(1, "script_tracking_upkeep_success", target="shop")
    admin.execute("create table public.seen (id int)")
    eventually(lambda: _runs(admin).get("interrupt_operations", 0) >= ENOUGH_RUNS, 120)
    runs = _runs(admin)
    passed = time.monotonic() - since
    assert set(runs) == set(keeper.INTERVALS_SECONDS)
    for job, interval in keeper.INTERVALS_SECONDS.items():
        first = 2 if job == keeper.FIRST else 1  # that one each exporter does when it begins
        assert 1 <= runs[job] <= passed / (interval * 0.9) + first, job
    told = {job: [_told(running, job) for running in pair] for job in runs}
    assert all(one is not None and two is not None for one, two in told.values()), "done is done, whoever did it"
    ddl = {"target": "shop", "tenant": "system", "script_type": "DDL", "status": "COMPLETED"}
    name = "script_tracking_operations_total"
    eventually(lambda: pair[0].value(name, **ddl) == pair[1].value(name, **ddl) != 0, 60)
    # where one is gone the other takes over
    assert pair[0].stop() == 0
    before = _runs(admin)["interrupt_operations"]
    eventually(lambda: _runs(admin)["interrupt_operations"] >= before + 2, 60)


def _told(running: Exporter, job: str) -> float | None:
    return running.value("script_tracking_upkeep_last_success_timestamp_seconds", target="shop", task=job)


async def test_a_job_that_another_is_at_or_has_done_is_left(
    installed_database: str, admin: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in keeper.INTERVALS_SECONDS:  # so that none is over before the next step, however long that takes
        monkeypatch.setitem(keeper.INTERVALS_SECONDS, job, 1800.0)
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    keeping, another = keeper.Keeper(target), keeper.Keeper(target)
    try:
        assert await keeping.round()
        runs = _runs(admin)
        assert set(runs.values()) == {1}
        assert await another.round()
        assert {job for job, number in _runs(admin).items() if number != runs[job]} == {keeper.FIRST}
        assert another.last_success.keys() == keeping.last_success.keys()
        admin.execute(f"update {INTERNAL}.upkeep_run set ran_at = now() - interval '1 hour'".encode())
        with psycopg.connect(installed_database) as other:
            other.execute(f"select from {INTERNAL}.upkeep_run where job = 'check_vault' for update".encode())
            assert await keeper.Keeper(target).round(), "nobody waits for it"
        assert _runs(admin)["check_vault"] == 1
        assert _runs(admin)["roll_up"] == 2
        admin.execute(f"update {INTERNAL}.upkeep_run set ran_at = now() + interval '1 day'".encode())
        assert await keeper.Keeper(target).round()
        assert set(_runs(admin).values()) >= {3}, "a clock that was set back stops nobody"
    finally:
        await target.close()


async def test_who_begins_looks_for_himself_though_another_was_at_it(installed_database: str, admin: Session) -> None:
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    keeping = keeper.Keeper(target)
    job = f"insert into {INTERNAL}.upkeep_run (job) values (%s) on conflict do nothing"
    admin.execute(job.encode(), [keeper.FIRST])
    try:
        with psycopg.connect(installed_database) as other:
            other.execute(f"select from {INTERNAL}.upkeep_run where job = %s for update".encode(), [keeper.FIRST])
            assert await keeping.begin()
            other.execute(f"update {INTERNAL}.upkeep_run set ran_at = now() where job = %s".encode(), [keeper.FIRST])
        assert keeping.runs[keeper.FIRST] == 0
        assert await keeping.begin()
        assert keeping.runs[keeper.FIRST] == 1
    finally:
        await target.close()


async def test_what_fails_is_no_run(installed_database: str, admin: Session) -> None:
    async with as_program(installed_database) as connection:
        with pytest.raises(psycopg.Error):
            await connection.execute(f"select {INTERNAL}.run_upkeep('no_such_job', 5)".encode())
    assert value(admin, f"select count(*) from {INTERNAL}.upkeep_run where job = 'no_such_job'") == 0


def test_who_comes_too_early_writes_nothing(admin: Session) -> None:
    """Of many exporters of a database nearly all do, every few seconds."""
    assert value(admin, f"select ran from {INTERNAL}.run_upkeep('check_vault', 0)") is True
    with admin.transaction():
        assert value(admin, f"select ran from {INTERNAL}.run_upkeep('check_vault', 1800)") is False
        assert value(admin, "select pg_current_xact_id_if_assigned()") is None
        assert value(admin, f"select next_in_seconds > 1700 from {INTERNAL}.run_upkeep('check_vault', 1800)") is True


async def test_who_is_overtaken_between_the_look_and_the_lock_leaves_the_job(
    installed_database: str, admin: Session
) -> None:
    assert value(admin, f"select ran from {INTERNAL}.run_upkeep('check_vault', 0)") is True
    admin.execute(f"update {INTERNAL}.upkeep_run set ran_at = now() - interval '1 hour'".encode())
    source = value(admin, f"select pg_get_functiondef('{INTERNAL}.run_upkeep(text, double precision)'::regprocedure)")
    lock = "  select u.ran_at into v_ran_at"
    assert isinstance(source, str) and source.count(lock) == 1
    slow = source.replace(f"{INTERNAL}.run_upkeep(", "public.run_upkeep_slowly(", 1).replace(
        lock, f"  perform pg_sleep(2);\n{lock}"
    )
    admin.execute(slow.encode())
    call = "select ran, next_in_seconds from public.run_upkeep_slowly('check_vault', 1800)"
    with psycopg.connect(installed_database, autocommit=True) as other:
        late = asyncio.create_task(asyncio.to_thread(lambda: other.execute(call).fetchone()))
        asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
        await asyncio.to_thread(eventually, lambda: value(admin, asleep) == 1, 30)
        assert value(admin, f"select ran from {INTERNAL}.run_upkeep('check_vault', 1800)") is True
        assert await late == (False, 1800.0)
    assert value(admin, f"select runs from {INTERNAL}.upkeep_run where job = 'check_vault'") == 2
