"""The teams at work: for each tenant one who migrates and one who runs jobs, each as a role of its own."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType

import psycopg

from exporter.database import Connection
from exporter.demo.playground import TENANTS, Playground
from exporter.demo.teams import BROKEN_IMPORT, FIRST_MIGRATION, IMPORT_JOB, JOBS, MIGRATIONS, Job, Migration
from exporter.errors import TargetUnavailable

MIGRATION_PAUSE = (0.4, 1.2)  # seconds between two of a team
JOB_PAUSE = (0.2, 0.6)
RETRY_PAUSE = 0.3  # of the import that fails
_TRACK = "select script_tracking.track_operation(%s, %s, %s) as key"
_COMPLETE = "select script_tracking.complete_operation(%s, %s, %s, %s, %s)"


class Desk:
    """One role's session; opened when it is needed, and again after the database was gone."""

    def __init__(self, playground: Playground, role: str, application: str) -> None:
        self._playground = playground
        self._role = role
        self._application = application
        self._connection: Connection | None = None

    async def session(self) -> Connection:
        """The open session. Raises TargetUnavailable."""
        if self._connection is None or self._connection.closed:
            self._connection = await self._playground.open(self._role, self._application)
        return self._connection

    async def close(self) -> None:
        """Closes it, whatever its state."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class Workload:
    """Works from its entry to its exit; pause() lets nobody begin anything. A team that has run all its migrations
    rests from them for `release_pause` seconds.
    """

    def __init__(self, playground: Playground, release_pause: float = 0.0) -> None:
        self._playground = playground
        self._release_pause = release_pause
        self._going = asyncio.Event()
        self._busy = 0
        self._idle = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._desks: list[Desk] = []
        self._broken: set[str] = set()
        self._number = 0

    async def __aenter__(self) -> Workload:
        for tenant in TENANTS:
            connection = await self._playground.open(f"{tenant}_dev", "migrations")
            async with connection:
                await self._migrate(connection, tenant, FIRST_MIGRATION, 0)
        self.resume()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for desk in self._desks:
            await desk.close()

    def start(self) -> None:
        """Sends everybody to work."""
        for seed, tenant in enumerate(TENANTS):
            chance = random.Random(seed)
            for work, role in ((self._migrations, "dev"), (self._jobs, "job"), (self._imports, "job")):
                self._tasks.append(asyncio.create_task(self._keep_at(work, tenant, role, chance)))

    async def pause(self) -> None:
        """Waits until nobody has anything under way in the database; jobs that merely take long go on."""
        self._going.clear()
        while self._busy:
            self._idle.clear()
            await self._idle.wait()

    def resume(self) -> None:
        """Lets them go on."""
        self._going.set()

    def failed(self) -> BaseException | None:
        """Why somebody left work for good, if so."""
        return next((task.exception() for task in self._tasks if task.done() and not task.cancelled()), None)

    def break_import(self, tenant: str) -> None:
        """From now on the tenant's import finds the same file each time, fails, and is tried again at once."""
        self._broken.add(tenant)

    async def mend_import(self, tenant: str, backlog: int) -> None:
        """Mends it, and works off what has piled up."""
        self._broken.discard(tenant)
        desk = self._desk(tenant, "job", "imports")
        for _ in range(backlog):
            async with self._turn():
                await run_job(await desk.session(), tenant, fill(IMPORT_JOB, tenant, self._next(), self._playground))
        await desk.close()

    def _desk(self, tenant: str, role: str, application: str) -> Desk:
        desk = Desk(self._playground, f"{tenant}_{role}", application)
        self._desks.append(desk)
        return desk

    def _next(self) -> int:
        self._number += 1
        return self._number

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """A piece of work in the database, begun only while nobody has asked for a pause."""
        while not self._going.is_set():  # it may have been cleared again before we were woken
            await self._going.wait()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _keep_at(
        self, work: Callable[[Desk, str, random.Random], Awaitable[None]], tenant: str, role: str, chance: random.Random
    ) -> None:
        """Does it again and again, also after the database was gone."""
        desk = self._desk(tenant, role, work.__name__.strip("_"))
        while True:
            try:
                await work(desk, tenant, chance)
            except (TargetUnavailable, psycopg.OperationalError):
                await desk.close()
                await asyncio.sleep(0.5)

    async def _migrations(self, desk: Desk, tenant: str, chance: random.Random) -> None:
        number = self._next()
        for migration in MIGRATIONS:
            async with self._turn():
                session = await desk.session()
                with contextlib.suppress(psycopg.ProgrammingError):  # such as a table that stands already
                    await self._migrate(session, tenant, migration, number)
            await asyncio.sleep(chance.uniform(*MIGRATION_PAUSE))
        await asyncio.sleep(self._release_pause)

    async def _migrate(self, connection: Connection, tenant: str, migration: Migration, number: int) -> None:
        """Runs one; a statement that fails ends it, and its transaction."""
        texts = [text.format(s=tenant, n=number, p=self._playground.prefix) for text in migration.statements]
        rolled_back = migration.ending == "rollback"
        alone = migration.ending == "alone"
        async with contextlib.nullcontext() if alone else connection.transaction(force_rollback=rolled_back):
            for text in texts:
                await connection.execute(text.encode())

    async def _jobs(self, desk: Desk, tenant: str, chance: random.Random) -> None:
        (job,) = chance.choices(JOBS, [job.weight for job in JOBS])
        job = fill(job, tenant, self._next(), self._playground)
        async with self._turn():
            key = await track(await desk.session(), tenant, job)
        await asyncio.sleep(chance.uniform(*job.seconds))
        async with self._turn():
            await finish(await desk.session(), key, job)
        await asyncio.sleep(chance.uniform(*JOB_PAUSE))

    async def _imports(self, desk: Desk, tenant: str, chance: random.Random) -> None:
        job = BROKEN_IMPORT if tenant in self._broken else IMPORT_JOB
        async with self._turn():
            await run_job(await desk.session(), tenant, fill(job, tenant, self._next(), self._playground))
        await asyncio.sleep(RETRY_PAUSE if tenant in self._broken else chance.uniform(1.0, 2.0))


def fill(job: Job, tenant: str, number: int, playground: Playground) -> Job:
    """The job of one tenant."""
    statement = job.statement.format(s=tenant, n=number, p=playground.prefix)
    return Job(job.name, job.script_type, statement, job.weight, job.seconds)


async def track(connection: Connection, tenant: str, job: Job) -> bytes:
    """Declares that it begins; its key."""
    cursor = await connection.execute(_TRACK, (job.name, job.script_type, tenant))
    (row,) = await cursor.fetchall()
    return bytes(row["key"])


async def finish(connection: Connection, key: bytes, job: Job) -> None:
    """Does its work and declares how it ended, with the SQLSTATE that PostgreSQL gave."""
    try:
        cursor = await connection.execute(job.statement.encode())
    except psycopg.Error as error:
        if error.sqlstate is None or connection.closed:
            raise
        await connection.execute(_COMPLETE, (key, False, error.diag.message_primary, error.sqlstate, None))
    else:
        await connection.execute(_COMPLETE, (key, True, None, None, cursor.rowcount))


async def run_job(connection: Connection, tenant: str, job: Job) -> None:
    """Declares it, does it, and declares how it ended."""
    await finish(connection, await track(connection, tenant, job), job)
