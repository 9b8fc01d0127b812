"""How long a writer waits while a month is removed: `python -m benchmarks.cleanup [--executions N]`."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from dataclasses import dataclass

import psycopg

from benchmarks.place import machine, new_place
from benchmarks.scale.derived import catch_up
from benchmarks.scale.fill import fill
from exporter.errors import ScriptTrackingError

WRITERS = 4
ALONE_SECONDS = 10.0
PAIR = "select script_tracking.complete_operation(script_tracking.track_operation('job', 'BATCH'), true)"
CLEANUP = "select script_tracking.cleanup_old_data(0)"
DISPOSABLE = "update script_tracking_internal.setting set value = 'all' where name = 'retention.disposable'"


@dataclass(frozen=True)
class Removal:
    """What went, how long it took, how often its lock was not had before, and the longest waits of the writers."""

    executions: int
    seconds: float
    attempts: int
    alone_milliseconds: float
    longest_milliseconds: float


class Writers:
    """Sessions that track and complete one operation after the other, and remember how long each took."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._ended = threading.Event()
        self._waits: list[tuple[float, float]] = []  # when it ended, how long it took
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def longest(self, since: float) -> float:
        """The longest of the calls that ended since then, in milliseconds."""
        return 1000 * max(took for ended, took in self._waits if ended >= since)

    def _write(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._ended.is_set():
                began = time.monotonic()
                connection.execute(PAIR)
                ended = time.monotonic()
                self._waits.append((ended, ended - began))


def measure(dsn: str, executions: int) -> Removal:
    """Fills the last month and the present one with about so many executions; removes the former beside writers."""
    fill(dsn, 2 * executions, 2)
    catch_up(dsn)
    with psycopg.connect(dsn, autocommit=True) as admin, Writers(dsn) as writers:
        admin.execute(DISPOSABLE)
        began = time.monotonic()
        time.sleep(ALONE_SECONDS)
        alone = writers.longest(began)
        began, attempts = time.monotonic(), 0
        while True:
            attempts += 1
            try:
                row = admin.execute(CLEANUP).fetchone()
                break
            except psycopg.errors.LockNotAvailable:
                continue
        seconds = time.monotonic() - began
        time.sleep(1)  # whoever waited ends
        return Removal(row[0] if row else 0, seconds, attempts, alone, writers.longest(began))


def main() -> int:
    """Exit code 0, or 1 where it could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cleanup", description=__doc__)
    parser.add_argument("--executions", type=int, default=800_000, help="about so many in the month that goes")
    arguments = parser.parse_args()
    try:
        with new_place() as place:
            found = measure(place.tracked, arguments.executions)
            version = place.version
    except ScriptTrackingError as error:
        print(f"benchmarks.cleanup: {error}", file=sys.stderr)
        return 1
    print(
        f"{machine()}, PostgreSQL {version}: a month of {found.executions} executions went in {found.seconds:.1f} s, "
        f"at attempt {found.attempts}; the longest call of {WRITERS} writers took {found.longest_milliseconds:.0f} ms "
        f"meanwhile, {found.alone_milliseconds:.0f} ms in {ALONE_SECONDS:.0f} s before"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
