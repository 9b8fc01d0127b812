"""Failover by real streaming replication while applications write and an exporter watches, which is never restarted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.error import URLError

import psycopg
import pytest

from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.fix_sessions import history, opened, value
from tests.installing import failed_checks, installed
from tests.postgres_server import LocalServer, Server
from tests.replication.streaming import Streaming, streaming

pytestmark = pytest.mark.majors

WRITERS = 3
DONE = {"script_type": "BATCH", "status": "COMPLETED"}
DDL = {"script_type": "DDL", "status": "COMPLETED"}
TOTAL = "script_tracking_operations_total"
JUDGING = "script_tracking_change_judging_success"
TRACKED = "(select script_tracking.track_operation(%s, 'BATCH') as k) as t"
ONCE = f"select script_tracking.complete_operation(k, true) from {TRACKED}"


@dataclass
class Work:
    """What applications were told is committed, as they find whichever server takes writes."""

    dsn: str
    done: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        """Until it is ended: an operation, then a table."""
        turn = 0
        while not self._ended.is_set():
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(self.dsn, autocommit=True, connect_timeout=5) as session,
            ):
                while not self._ended.is_set():
                    turn += 1
                    name = f"w{number}_{turn}"
                    session.execute(ONCE, (name,))
                    self.done.append(name)
                    session.execute(f"create table public.{name} ()".encode())
                    self.tables.append(name)
            time.sleep(0.1)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """While it goes on."""
        threads = [threading.Thread(target=self.run, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(60)


@contextmanager
def sampled(running: Exporter, name: str, **labels: str) -> Iterator[list[float]]:
    """Every value that a sample has meanwhile, one after the other."""
    seen: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            with suppress(URLError, ConnectionError):
                found = running.value(name, **labels)
                if found is not None:
                    seen.append(found)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join(60)


def watched(start: StartExporter, pair: Streaming) -> Exporter:
    """One target that is wherever the primary is, and one for each server."""
    settings = {"user": "postgres"}
    targets = [
        {"name": "shop", "dsn": pair.shop},
        {"name": "first", "dsn": pair.dsn(pair.primary, **settings)},
        {"name": "second", "dsn": pair.dsn(pair.standby, **settings)},
    ]
    fast = {name: {"interval": "1s"} for name in ("operations", "capture", "health")}
    never = {"name": "never", "days": [], "from": "00:00", "to": "24:00"}
    return start(pair.shop, targets=targets, collectors=fast, changes={"windows": [never]})


@pytest.fixture(params=["synchronous", "asynchronous"])
async def pair(postgres: Server, request: pytest.FixtureRequest) -> object:
    """A primary and a standby with the schema."""
    assert isinstance(postgres, LocalServer)
    with streaming(postgres.binaries, synchronous=request.param == "synchronous") as found:
        await installed(found.dsn(found.primary))
        found.follows()
        yield found


async def test_what_was_replicated_is_kept_and_the_exporter_goes_on_by_itself(
    pair: Streaming, exporter: StartExporter, request: pytest.FixtureRequest
) -> None:
    synchronous = "asynchronous" not in request.node.name
    running = watched(exporter, pair)
    running.wait_for_value(1, "script_tracking_capture_level_info", target="shop", level="failures")
    running.wait_for_value(1, "script_tracking_standby", target="second")
    running.wait_for_value(0, "script_tracking_standby", target="first")
    running.wait_for_value(1, JUDGING, target="first")
    assert running.value(JUDGING, target="second") is None, "of a standby nobody is to miss it"
    work = Work(pair.shop)
    with (
        sampled(running, TOTAL, target="shop", **DONE) as totals,
        sampled(running, "script_tracking_up", target="shop") as ups,
    ):
        with work.under_way():
            eventually(lambda: len(work.done) > 50, 60)
            if not synchronous:
                pair.follows()
                replicated = set(work.done)
                pair.cut_off()
                eventually(lambda: len(work.done) > len(replicated) + 20, 60)
            before = len(work.done)
            pair.fail_over()
            eventually(lambda: len(work.done) > before + 50, 120)
        with opened(pair.dsn(pair.standby)) as session:
            kept = {row["script_name"] for row in history(session, "w%")}
            objects = {row["affected_objects"][0] for row in history(session, "CREATE TABLE")}
            stand = session.execute(
                "select relname from pg_class where relname ~ '^w[0-9]' and relkind = 'r'"
            ).fetchall()
            assert {row["relname"] for row in stand} == {name.removeprefix("public.") for name in objects}
            # one whose answer was lost in the moment of the failover may be there without its application knowing
            running.wait_for_value(len(kept), TOTAL, target="shop", **DONE)
            running.wait_for_value(len(objects), TOTAL, target="shop", **DDL)
            running.wait_for_value(len(kept), TOTAL, target="second", **DONE)
            assert value(session, "select script_tracking_internal.ensure_incarnation()") == 1
            assert value(session, "select timeline_id from pg_control_checkpoint()") in (1, 2)
    lost = set(work.done) - kept
    fallen = [(was, now) for was, now in pairwise(totals) if now < was]
    if synchronous:
        assert (lost, fallen) == (set(), [])
    else:
        assert not lost & replicated, "a quick standby may have lost nothing"
        # by what was not replicated and no more; the exporter need not have seen all of it
        assert all(was - now <= len(lost) for was, now in fallen)
    assert {0.0, 1.0} == set(ups)
    running.wait_for_value(1, "script_tracking_up", target="shop")
    running.wait_for_value(0, "script_tracking_up", target="first")
    running.wait_for_value(1, "script_tracking_up", target="second")
    running.wait_for_value(0, "script_tracking_standby", target="second")
    running.wait_for_value(1, "script_tracking_upkeep_success", target="shop")
    running.wait_for_value(1, JUDGING, target="second")
    # the slot does not come along: another one is made on the new primary
    running.wait_for_value(1, "script_tracking_capture_level_info", target="shop", level="failures")
    with opened(pair.shop) as session:
        with pytest.raises(psycopg.errors.UndefinedTable):
            session.execute("drop table public.missing")
        eventually(lambda: [row["execution_status"] for row in history(session, "DROP TABLE")] == ["FAILED"], 60)
    assert running.value("script_tracking_unconfirmed_copy", target="shop") == 0
    assert running.events("promoted")
    assert await failed_checks(pair.dsn(pair.standby)) == {}
