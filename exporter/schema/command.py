"""The subcommand `schema`."""

from __future__ import annotations

import argparse
import json
import sys

from exporter.config import Config
from exporter.database import Connection, connect
from exporter.errors import ConfigurationError, ScriptTrackingError
from exporter.schema.installer import install
from exporter.schema.pause import read_pause
from exporter.schema.script import render_sql
from exporter.schema.status import status
from exporter.schema.uninstall import uninstall
from exporter.schema.verify import NOT_PAUSED, Check, verify
from exporter.targetconfig import TargetConfig


def print_script(arguments: argparse.Namespace) -> int:
    """`install --print`; needs no database."""
    sys.stdout.write(
        render_sql(
            options=("auth",) if arguments.with_auth else (), event_triggers=not arguments.without_event_triggers
        )
    )
    return 0


async def run(arguments: argparse.Namespace, config: Config) -> int:
    """Runs the action on every configured database; 1 where one of them failed."""
    if arguments.with_records and not arguments.yes:
        if not sys.stdin.isatty():
            raise ConfigurationError("--with-records removes the whole record: add --yes")
        if not _confirmed(config):
            print("script-tracking-exporter: nothing was removed", file=sys.stderr)
            return 1
    return max([await _guarded(arguments, target) for target in config.targets])


def _confirmed(config: Config) -> bool:
    """Whether whoever sits there means it, having read of which databases."""
    names = ", ".join(target.name for target in config.targets)
    try:
        return input(f"Remove the record of {names} for good? Type yes: ") == "yes"
    except EOFError:
        print()
        return False


async def _guarded(arguments: argparse.Namespace, target: TargetConfig) -> int:
    """One database; its failure is told and does not keep the next from its turn."""
    try:
        return await _one(arguments, target)
    except ScriptTrackingError as error:
        print(f"script-tracking-exporter: {target.name}: {error}", file=sys.stderr)
        return error.exit_code


async def _one(arguments: argparse.Namespace, target: TargetConfig) -> int:
    connection = await connect(target.dsn, application_name="script-tracking-exporter schema")
    try:
        match arguments.action:
            case "install" | "upgrade":
                return await _install(connection, target, arguments)
            case "status":
                return await status(connection, target.name, as_json=arguments.json)
            case "verify":
                return await _verify(connection, target.name, arguments.json)
            case _:
                removed = await uninstall(connection, with_records=arguments.with_records)
                kept = "" if arguments.with_records else "; the record is kept"
                print(f"{target.name}: " + (f"uninstalled{kept}" if removed else "nothing was installed"))
                return 0
    finally:
        await connection.close()


async def _install(connection: Connection, target: TargetConfig, arguments: argparse.Namespace) -> int:
    name = target.name
    upgrade_only = arguments.action == "upgrade"
    options = (
        {"auth": not arguments.without_auth} if arguments.without_auth or arguments.with_auth or target.auth else None
    )
    event_triggers = False if arguments.without_event_triggers else arguments.with_event_triggers or None
    report = await install(
        connection,
        upgrade_only=upgrade_only,
        published=arguments.published,
        options=options,
        event_triggers=event_triggers,
    )
    if report.changed:
        removed = f", {len(report.removed)} removed" if report.removed else ""
        print(
            f"{name}: schema {report.version}; {len(report.migrations)} migrations, "
            f"{len(report.code)} code files{removed}"
        )
    pause = await read_pause(connection)
    if pause:
        print(f"{name}: tracking is {pause}; the event triggers stay away until script_tracking.resume_tracking()")
    failed = _failed(await verify(connection))
    if not failed:
        if not report.changed:
            print(f"{name}: schema {report.version} is up to date, nothing changed")
        return 0
    await install(connection, restore=True)
    left = _failed(await verify(connection))
    print(f"{name}: schema {report.version} was not as released; restored: {', '.join(failed - left) or 'nothing'}")
    if left:
        print(f"{name}: not restored: {', '.join(left)}; schema verify tells more", file=sys.stderr)
    return 1 if left else 0


def _failed(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if not check.ok and check.name != NOT_PAUSED}


async def _verify(connection: Connection, name: str, as_json: bool) -> int:
    checks = await verify(connection)
    if as_json:
        print(json.dumps([{"target": name, **vars(check)} for check in checks]))
    else:
        for check in checks:
            print(
                f"{name}: {'ok    ' if check.ok else 'FAILED'} {check.name}" + ("" if check.ok else f": {check.detail}")
            )
    return 0 if all(check.ok for check in checks) else 1
