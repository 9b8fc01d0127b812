"""Sessions that write and roll up, killed at random moments: afterwards the roll-ups are those of a rebuild.

ROLL_UP_KILLS says how many are killed; `make test-kills` kills many.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from tests.fix_sessions import Session, value
from tests.postgres_server import LocalServer, Server
from tests.rolling import rebuilt, roll_ups
from tests.vault_steps import INTERNAL, roll_up

KILLS = int(os.environ.get("ROLL_UP_KILLS", "20"))
CRASH_EVERY = 10  # of these kills one takes the process, and with it the server, by SIGKILL
OPERATION = "select script_tracking.complete_operation(script_tracking.track_operation(%s, 'BATCH'), %s, %s)"


def connect(dsn: str, name: str, *, autocommit: bool = False) -> Session:
    """A session, as soon as the server takes one."""
    end = time.monotonic() + 180
    while True:
        try:
            return psycopg.connect(
                make_conninfo(dsn, application_name=name), autocommit=autocommit, row_factory=dict_row
            )
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


class Crowd:
    """Writers and rollers, each of which begins anew when it is killed."""

    def __init__(self, dsn: str, seed: int) -> None:
        self._dsn = dsn
        self._over = threading.Event()
        jobs: list[tuple[str, Callable[[Session, random.Random], None]]] = [("writer", self._write)] * 3
        jobs += [("roller", self._roll)] * 2
        self._threads = [
            threading.Thread(target=self._repeat, args=(name, job, random.Random(seed + place)))
            for place, (name, job) in enumerate(jobs)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, name: str, job: Callable[[Session, random.Random], None], chance: random.Random) -> None:
        while not self._over.is_set():
            try:
                with connect(self._dsn, name) as session:
                    while not self._over.is_set():
                        job(session, chance)
            except psycopg.Error:
                continue  # killed, or the server is

    @staticmethod
    def _roll(session: Session, chance: random.Random) -> None:
        session.execute(f"select {INTERNAL}.roll_up_slice(%s)".encode(), (chance.choice((1, 5, 50)),))
        if chance.random() < 0.2:
            session.rollback()
        session.commit()

    @staticmethod
    def _write(session: Session, chance: random.Random) -> None:
        for _ in range(chance.randrange(1, 5)):
            session.execute("savepoint before")
            name = f"job {chance.randrange(80)}"
            session.execute(
                OPERATION, (name, chance.random() < 0.8, f'fault in "{name}" of kind {chance.choice("abc")}')
            )
            if chance.random() < 0.3:
                session.execute("rollback to savepoint before")
        fate = chance.random()
        if fate < 0.1:
            session.rollback()
        elif fate < 0.2:
            gid = f"crowd {chance.getrandbits(64)}"
            session.execute(sql.SQL("prepare transaction {}").format(sql.Literal(gid)))
            session.commit()
            session.autocommit = True
            time.sleep(chance.random() / 20)
            session.execute(sql.SQL("commit prepared {}").format(sql.Literal(gid)))
            session.autocommit = False
        else:
            session.commit()


def kill(dsn: str, chance: random.Random, *, crash: bool) -> bool:
    """Kills one of the crowd; whether one was there."""
    with connect(dsn, "killer", autocommit=True) as session:
        found = session.execute(
            "select pid from pg_stat_activity where application_name in ('writer', 'roller')"
            " and datname = current_database() order by random() limit 1"
        ).fetchone()
        if found is None:
            return False
        if crash:
            os.kill(found["pid"], signal.SIGKILL)
        else:
            session.execute("select pg_terminate_backend(%s)", (found["pid"],))
        return True


def test_whoever_is_killed_when_the_roll_ups_are_those_of_a_rebuild(postgres: Server, installed_database: str) -> None:
    seed = int(os.environ.get("ROLL_UP_SEED", random.randrange(1 << 30)))
    print(f"ROLL_UP_SEED={seed}")
    chance = random.Random(seed)
    crowd = Crowd(installed_database, seed)
    crowd.start()
    try:
        killed = 0
        while killed < KILLS:
            time.sleep(chance.uniform(0.02, 0.2))
            crash = isinstance(postgres, LocalServer) and killed % CRASH_EVERY == CRASH_EVERY - 1
            try:
                killed += kill(installed_database, chance, crash=crash)
            except psycopg.OperationalError:
                continue  # the server comes up again
    finally:
        crowd.stop()
    with connect(installed_database, "last", autocommit=True) as session:
        left = session.execute("select gid from pg_prepared_xacts where database = current_database()").fetchall()
        for turn, row in enumerate(left):
            end = "commit prepared {}" if turn % 2 else "rollback prepared {}"
            session.execute(sql.SQL(end).format(sql.Literal(row["gid"])))
        roll_up(session)
        found = roll_ups(session)
        ended = value(
            session, "select count(*) from script_tracking.script_execution_s where execution_status <> 'RUNNING'"
        )
        assert sum(int(str(row[4])) for row in found["operation_hour"]) == ended
        assert int(str(ended)) > KILLS, "somebody wrote"
        assert rebuilt(session) == found
