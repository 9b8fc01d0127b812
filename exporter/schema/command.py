"""The subcommand `schema`."""

from __future__ import annotations

import argparse
import json
import sys

from exporter import sqlfiles
from exporter.config import Config, TargetConfig
from exporter.database import Connection, connect
from exporter.errors import ConfigurationError, SchemaError
from exporter.schema.installer import install
from exporter.schema.plan import make_plan, read_ledger
from exporter.schema.script import render_sql
from exporter.schema.uninstall import uninstall
from exporter.schema.verify import verify

ACTIONS = ("install", "upgrade", "status", "verify", "uninstall")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `schema`, beside those that name the databases."""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("--print", action="store_true", dest="print_sql", help="install: write the SQL, run nothing")
    parser.add_argument("--json", action="store_true", help="status, verify: as JSON")
    parser.add_argument("--with-records", action="store_true", help="uninstall: remove the record too")
    parser.add_argument("--yes", action="store_true", help="uninstall --with-records: do not ask")


def print_script() -> int:
    """`install --print`; needs no database."""
    sys.stdout.write(render_sql())
    return 0


async def run(arguments: argparse.Namespace, config: Config) -> int:
    """Runs the action on every configured database; 1 where one of them failed."""
    if arguments.with_records and arguments.action == "uninstall" and not arguments.yes:
        if not sys.stdin.isatty():
            raise ConfigurationError("--with-records removes the whole record: add --yes")
        if input("Remove the record of every configured database for good? Type yes: ") != "yes":
            return 1
    codes = [await _one(arguments, target) for target in config.targets]
    return max(codes)


async def _one(arguments: argparse.Namespace, target: TargetConfig) -> int:
    connection = await connect(target.dsn, application_name="script-tracking-exporter schema")
    try:
        match arguments.action:
            case "install" | "upgrade":
                return await _install(connection, target.name)
            case "status":
                return await _status(connection, target.name, arguments.json)
            case "verify":
                return await _verify(connection, target.name, arguments.json)
            case _:
                removed = await uninstall(connection, with_records=arguments.with_records)
                kept = "" if arguments.with_records else "; the record is kept"
                print(f"{target.name}: " + (f"uninstalled{kept}" if removed else "nothing was installed"))
                return 0
    finally:
        await connection.close()


async def _install(connection: Connection, name: str) -> int:
    report = await install(connection)
    if not report.changed:
        print(f"{name}: schema {report.version} is up to date, nothing changed")
    else:
        print(f"{name}: schema {report.version}; {len(report.migrations)} migrations, {len(report.code)} code files")
    return 0


async def _status(connection: Connection, name: str, as_json: bool) -> int:
    ledger = await read_ledger(connection)
    status: dict[str, object] = {
        "target": name,
        "installed_version": ledger.version,
        "program_version": len(sqlfiles.migrations()),
    }
    try:
        plan = make_plan(ledger)
        status |= {
            "pending_migrations": [migration.path for migration in plan.migrations],
            "changed_code": [file.path for file in plan.code] if ledger.version else [],
            "problem": None,
        }
        state = "not installed" if not ledger.version else "up to date" if plan.is_empty else "upgrade due"
    except SchemaError as error:
        status["problem"] = str(error)
        state = "refused"
    status["state"] = state
    if as_json:
        print(json.dumps(status))
    else:
        print("\n".join(f"{key}: {value}" for key, value in status.items()))
    return 1 if state == "refused" else 0


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
