"""The databases of one server, looked for again and again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from exporter.collect.snapshot import Snapshot
from exporter.collect.status import publish_values
from exporter.database import connect
from exporter.errors import ConfigurationError, ScriptTrackingError
from exporter.fault import Fault
from exporter.logs import get_logger
from exporter.metricmap import MetricSpec
from exporter.schedule import BackOff
from exporter.sqlfiles import query
from exporter.statement import fetch
from exporter.targetconfig import DiscoverConfig, TargetConfig

log = get_logger("discovery")

LOOK_SECONDS = 5.0
# databases of providers that their customers cannot use: watched only where `include` has the name itself
PROVIDERS = frozenset(
    {"alloydbadmin", "alloydbmetadata", "azure_maintenance", "azure_sys", "cloudsqladmin", "rdsadmin"}
)


def wanted(database: str, settings: DiscoverConfig) -> bool:
    """Whether a database of that name is to be watched."""
    if any(fnmatchcase(database, pattern) for pattern in settings.exclude):
        return False
    if database in PROVIDERS:
        return database in settings.include
    return any(fnmatchcase(database, pattern) for pattern in settings.include)


class Discovery:
    """Keeps what is known of one server's databases. A server that does not answer keeps those that it had."""

    def __init__(self, entry: TargetConfig, snapshot: Snapshot, own_metrics: Mapping[str, MetricSpec]) -> None:
        self.entry = entry
        self.settings = entry.discover or DiscoverConfig()
        self.targets: tuple[TargetConfig, ...] = ()
        self.attempted = asyncio.Event()  # set once it was looked for them, found or not
        self._snapshot = snapshot
        self._own_metrics = own_metrics
        self._fault = Fault(log, "discovery_failed", "discovery_recovered", target=entry.name)
        self._left_out = 0
        self._unreadable: list[str] = []
        self._tell(discovery_success=0.0)

    @property
    def is_failing(self) -> bool:
        """Whether the server did not name its databases when it was last asked."""
        return self._fault.lasts

    def take_over(self, before: Discovery) -> None:
        """Begins with what was known of the same server under other settings."""
        with contextlib.suppress(ConfigurationError):  # a secret file went since it was validated: the first look tells
            known = [name for name in before.names if wanted(name, self.settings)]
            self.targets = tuple(self.entry.for_database(name) for name in known[: self.settings.limit])
        if before.attempted.is_set():
            self.attempted.set()

    @property
    def names(self) -> list[str]:
        """The databases that are watched."""
        return [target.name.removeprefix(f"{self.entry.name}/") for target in self.targets]

    async def run(self, changed: Callable[[], None]) -> None:
        """Looks until cancelled, and says so when something has changed."""
        back_off = BackOff(longest=self.settings.interval)
        while True:
            before = self.targets
            found = await self.look()
            if self.targets != before or not self.attempted.is_set():
                self.attempted.set()
                changed()
            if found:
                back_off.reset()
            await asyncio.sleep(self.settings.interval if found else back_off.next())

    async def look(self) -> bool:
        """Looks once; whether the server answered. Never raises for a fault of the database."""
        try:
            names = [name for name in await self._names() if wanted(name, self.settings)]
            known = set(self.names)
            # what is watched keeps its place before what is new
            kept = sorted(names, key=lambda name: (name not in known, name))[: self.settings.limit]
            self.targets = tuple(self.entry.for_database(name) for name in sorted(kept))
        except ScriptTrackingError as error:
            self._fault.meet(error)
            self.failed()
            return False
        self._fault.clear()
        self._count(len(names) - len(kept))
        self._tell(
            discovery_success=1.0,
            discovery_last_success=time.time(),
            discovery_databases=float(len(kept)),
            discovery_left_out=float(self._left_out),
        )
        return True

    async def _names(self) -> list[str]:
        connection = await connect(
            self.entry.current_dsn(),
            application_name="script-tracking-exporter discovery",
            read_only=True,
            client_encoding="sql_ascii",  # text comes as bytes
        )
        try:
            rows = await fetch(connection, query("discovery", "databases"), timeout=LOOK_SECONDS)
        finally:
            await connection.close()
        names, unreadable = [], []
        for row in rows:
            try:
                names.append(bytes(row["name"]).decode())
            except UnicodeDecodeError:
                unreadable.append(repr(bytes(row["name"])))
        if unreadable != self._unreadable and unreadable:
            log.warning("database_names_unreadable", target=self.entry.name, left_out=unreadable, advice="not UTF-8")
        self._unreadable = unreadable
        return names

    def _count(self, left_out: int) -> None:
        """Notes how many are beyond the limit; one line of the log when that begins and ends."""
        if left_out and not self._left_out:
            log.warning(
                "discovery_limit_reached",
                target=self.entry.name,
                limit=self.settings.limit,
                left_out=left_out,
                advice="raise discover.limit, or narrow include and exclude",
            )
        elif self._left_out and not left_out:
            log.info("discovery_within_limit", target=self.entry.name, limit=self.settings.limit)
        self._left_out = left_out

    def failed(self) -> None:
        """The server's databases are not known, for whatever reason: those that were known stand."""
        self._tell(discovery_success=0.0)

    def _tell(self, **values: float) -> None:
        publish_values(self._snapshot, self._own_metrics, self.entry.name, values)
