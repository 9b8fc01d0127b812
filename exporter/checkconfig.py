"""The subcommand `check-config`: what a configuration means, without a secret."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from exporter import metricmap
from exporter.config import Config, TargetConfig
from exporter.database import Connection, connect, fetch
from exporter.errors import SchemaError, ScriptTrackingError
from exporter.schema.plan import read_ledger
from exporter.sqlfiles import query

CONNECT_SECONDS = 5.0


def describe(config: Config) -> Iterator[str]:
    """Lines that say what would be done."""
    yield f"configuration is valid: {len(config.targets)} target(s), listening on {config.listen}"
    yield f"schema: {config.schema_mode}; log: {config.log.format}, {config.log.level}"
    off = sorted(name for name, own in config.collectors.items() if not own.enabled)
    count = len(metricmap.load())
    yield f"collectors: {count - len(off)} of {count}" + (f"; off: {', '.join(off)}" if off else "")
    for target in config.targets:
        yield f"target {target.name}: {'; '.join(_about(target, config))}"


def _about(target: TargetConfig, config: Config) -> Iterator[str]:
    """What is said of a target, piece by piece."""
    yield target.dsn.label + (f" as {target.dsn.user}" if target.dsn.user else "")
    if target.dsn_file is not None:
        yield f"DSN from {target.dsn_file}"
    if target.password_file is not None:
        yield f"password from {target.password_file}"
    if target.auth:
        yield "with the login wrappers"
    if (target.capture or config.capture).slot == "off":
        yield "without a replication slot"


def run(config: Config) -> int:
    """Says what the configuration means."""
    print("\n".join(describe(config)))
    return 0


async def run_connected(config: Config) -> int:
    """The same, and whether each database answers; 1 where one does not."""
    run(config)
    answers = [await _answers(target) for target in config.targets]
    return 0 if all(answers) else 1


async def _answers(target: TargetConfig) -> bool:
    try:
        connection = await connect(target.current_dsn(), application_name="script-tracking-exporter check-config")
        try:
            (row,) = await fetch(connection, query("target", "server"), timeout=CONNECT_SECONDS, read_only=True)
            schema = await _schema(connection)
        finally:
            await connection.close()
    except ScriptTrackingError as error:
        print(f"target {target.name}: {error}", file=sys.stderr)
        return False
    standby = ", a standby" if row["standby"] else ""
    print(f"target {target.name}: answers as {row['role']}, PostgreSQL {row['version']}{standby}, {schema}")
    return True


async def _schema(connection: Connection) -> str:
    """What stands there of the tracking schema."""
    try:
        ledger = await read_ledger(connection)
    except SchemaError as error:
        return str(error)
    return f"schema {ledger.version}" if ledger.is_whole else "no schema installed"
