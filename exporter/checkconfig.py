"""The subcommand `check-config`: what a configuration means, without a secret."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from psycopg import sql

from exporter import metricmap
from exporter.apiconfig import ApiToken
from exporter.changesconfig import ChangesConfig
from exporter.collect.collector import configured
from exporter.config import Config
from exporter.database import Connection, connect
from exporter.errors import ConfigurationError, SchemaError, ScriptTrackingError
from exporter.inventory import expanded
from exporter.schema.plan import read_ledger
from exporter.sqlfiles import query
from exporter.statement import fetch
from exporter.targetconfig import TargetConfig
from exporter.targetfiles import TargetFiles

CONNECT_SECONDS = 5.0
AT_ONCE = 16


def describe(config: Config) -> Iterator[str]:
    """Lines that say what would be done. Raises ConfigurationError for a broken file of targets."""
    files = None if config.file_sd is None else TargetFiles(config.file_sd, quiet=True)
    if files is not None:
        files.look()
        if files.problems:
            raise ConfigurationError(problems=files.problems)
    count = len(config.targets) + (len(files.targets) if files is not None else 0)
    yield f"configuration is valid: {count} target(s), listening on {config.listen}"
    if config.web.config_file is not None:
        yield f"web: {config.web.config_file}: {', '.join(_about_web(config.web.config_file))}"
    for token in config.api.tokens:
        narrowed = "" if token.tenant is None else f", tenant {token.tenant}"
        yield f"api: token {token.name} reads {', '.join(token.targets)} as {token.role}{narrowed}"
    if config.archive is not None:
        yield f"archive: {config.archive.directory}, {_about_archive(config.archive.directory)}"
    if config.changes is not None:
        yield f"changes: {'; '.join(_about_changes(config.changes))}"
    yield f"schema: {config.schema_mode}; log: {config.log.format}, {config.log.level}"
    off = sorted(name for name, own in config.collectors.items() if not own.enabled)
    specs = [*metricmap.load(), *config.own_collectors]
    yield f"collectors: {len(specs) - len(off)} of {len(specs)}" + (f"; off: {', '.join(off)}" if off else "")
    for spec in configured(config.own_collectors, config.collectors):
        yield f"own collector {spec.name}: {spec.function}(), every {spec.interval:g} s"
    for target in config.targets:
        yield f"target {target.name}: {'; '.join(_about(target, config))}"
    if files is not None:
        yield f"files looked at every {files.settings.interval:g} s: {', '.join(files.success) or 'none so far'}"
        for target in files.targets:
            yield f"target {target.name}: {'; '.join(_about(target, config))}; of a file"


def _about_web(path: Path) -> Iterator[str]:
    """What is said of who may connect. Raises ConfigurationError."""
    from exporter.web.settings import load

    settings = load(path)
    if settings.context is None:
        yield "without TLS"
    else:
        with_certificate = settings.context.verify_mode is not ssl.CERT_NONE
        yield "TLS" + (" with client certificates" if with_certificate else "")
    yield f"{len(settings.users)} user(s)" if settings.users else "without passwords"


def _about_changes(changes: ChangesConfig) -> Iterator[str]:
    """What is said of windows and references. Raises ConfigurationError for a broken file of references."""
    from exporter.changes.calendar import is_in_force, is_open
    from exporter.changes.references import ReferenceFiles
    from exporter.changes.rules import Rules

    now = datetime.now(UTC)
    for window in changes.windows:
        yield f"window {window.name}{', open now' if is_open(window, now) else ''}"
    for freeze in changes.freezes:
        yield f"freeze {freeze.name}{', in force now' if is_in_force(freeze, now) else ''}"
    files = ReferenceFiles(changes.reference_files, quiet=True)
    files.look()
    if files.problems:
        raise ConfigurationError(problems=files.problems)
    listed = files.references or ()
    yield f"{len(changes.references) + len(listed)} reference(s), {len(listed)} of files"
    yield f"fingerprint {Rules(changes).fingerprint}"


def _about_archive(directory: Path) -> str:
    """Raises ConfigurationError where nothing can be written there."""
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
        free = shutil.disk_usage(directory).free
    except OSError as error:
        raise ConfigurationError(f"archive.directory: {directory}: {error.strerror}") from None
    return f"{free // 1024**2} MiB free"


def _about(target: TargetConfig, config: Config) -> Iterator[str]:
    """What is said of a target, piece by piece."""
    at = target.dsn.label if target.discover is None else f"databases of {target.dsn.server}"
    yield at + (f" as {target.dsn.user}" if target.dsn.user else "")
    if target.discover is not None:
        names = target.discover
        yield f"{', '.join(names.include)}" + (f" without {', '.join(names.exclude)}" if names.exclude else "")
        yield f"at most {names.limit}, looked for every {names.interval:g} s"
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
    turns = asyncio.Semaphore(AT_ONCE)
    well = True
    for answer in [asyncio.create_task(_ask(target, config, turns)) for target in (await expanded(config)).targets]:
        try:
            print(await answer)
        except ScriptTrackingError as error:
            print(error, file=sys.stderr)
            well = False
    return 0 if well else 1


async def _ask(target: TargetConfig, config: Config, turns: asyncio.Semaphore) -> str:
    """What a database says. Raises ScriptTrackingError."""
    async with turns:
        try:
            connection = await connect(target.current_dsn(), application_name="script-tracking-exporter check-config")
            try:
                (row,) = await fetch(connection, query("target", "server"), timeout=CONNECT_SECONDS, read_only=True)
                schema = await _schema(connection)
                for token in config.api.tokens:
                    await _check_token(connection, token, target.name)
            finally:
                await connection.close()
        except ScriptTrackingError as error:
            raise ScriptTrackingError(f"target {target.name}: {error}") from None
    standby = ", a standby" if row["standby"] else ""
    return f"target {target.name}: answers as {row['role']}, PostgreSQL {row['version']}{standby}, {schema}"


async def _check_token(connection: Connection, token: ApiToken, target: str) -> None:
    """Raises ScriptTrackingError where the token's role cannot be acted as there."""
    if token.reads(target):
        statement = sql.SQL(query("api", "role_state")).format(role=token.role)
        (row,) = await fetch(connection, statement, timeout=CONNECT_SECONDS, read_only=True)
        if row["reason"] is not None:
            raise ScriptTrackingError(f"token {token.name}: {row['reason']}")


async def _schema(connection: Connection) -> str:
    """What stands there of the tracking schema."""
    try:
        ledger = await read_ledger(connection)
    except SchemaError as error:
        return str(error)
    return f"schema {ledger.version}" if ledger.is_whole else "no schema installed"
