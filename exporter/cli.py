"""The command `script-tracking-exporter`. Exit codes: 0 done, 1 the job failed, 2 usage or configuration."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import exporter
from exporter import logs, track
from exporter.config import Config, TargetConfig, resolve
from exporter.errors import ConfigurationError, ScriptTrackingError
from exporter.schema import command as schema_command

# A URI, or a word of a key=value list, quoted or not.
_VALUE = re.compile(r"'[^']*(?:://|=)[^']*'|\S*(?:://|=)\S*")


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints never repeat a value, which may be a DSN with its password."""

    def error(self, message: str) -> NoReturn:
        """Usage and complaint on standard error; exit code 2."""
        super().error(_VALUE.sub("(a value that is not shown)", message))


def _parser() -> argparse.ArgumentParser:
    source = _Parser(add_help=False)
    source.add_argument("--config", type=Path, metavar="FILE", help="YAML configuration")
    source.add_argument("--dsn", metavar="DSN", help="one database, as a URI or key=value list")
    source.add_argument("--dsn-file", type=Path, metavar="FILE", help="file that holds the DSN")
    parser = _Parser(
        prog="script-tracking-exporter",
        description="Keeps a record of every DDL statement and declared operation in PostgreSQL, and serves it to "
        "Prometheus. Without --config, --dsn or --dsn-file the environment variable DATABASE_URL names the database.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {exporter.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", parents=[source], help="serve /metrics until stopped")
    commands.add_parser("collect", parents=[source], help="one cycle, exposition text on standard output")
    commands.add_parser("check-config", parents=[source], help="validate the configuration and stop")
    tracked = commands.add_parser(
        "track",
        parents=[source],
        usage="%(prog)s [options] -- COMMAND [ARGUMENT ...]",
        help="run a command and record what becomes of it; exits with the command's own code",
    )
    track.add_arguments(tracked)
    demo = commands.add_parser(
        "demo",
        parents=[source],
        help="play the main job: on an embedded PostgreSQL, or in a database of its own on the server that is named",
    )
    demo.add_argument("--duration", metavar="SECONDS", help="end after so long; by default $DURATION, else at Ctrl-C")
    schema = commands.add_parser("schema", parents=[source], help="install, upgrade, inspect or remove the schema")
    schema_command.add_arguments(schema)
    return parser


def _demo(arguments: argparse.Namespace) -> int:
    """Plays on an embedded server unless one is named."""
    from exporter.demo import runner  # needs the extra `demo`

    sources = (arguments.config, arguments.dsn, arguments.dsn_file)
    existing = None
    if any(source is not None for source in sources) or os.environ.get("DATABASE_URL"):
        targets = resolve(*sources).targets
        if len(targets) > 1:
            raise ConfigurationError("the demo plays on one server: name one target")
        existing = targets[0].dsn
    return asyncio.run(runner.run(existing, runner.read_duration(arguments.duration)))


def _track(arguments: argparse.Namespace, command: list[str]) -> int:
    """Runs the command also where no database is configured, unless a record is required."""
    target: TargetConfig | ConfigurationError
    try:
        targets = resolve(arguments.config, arguments.dsn, arguments.dsn_file).targets
        if len(targets) > 1:
            raise ConfigurationError("track records in one database: name one target")
        target = targets[0]
    except ConfigurationError as error:
        if arguments.require_record:
            raise
        target = error
    return track.run(arguments, target, command)


async def _run(arguments: argparse.Namespace, config: Config) -> int:
    match arguments.command:
        case "schema":
            return await schema_command.run(arguments, config)
        case "check-config":
            print(f"configuration is valid: {len(config.targets)} target(s), listening on {config.listen}")
            return 0
        case _:
            from exporter import daemon  # not needed by the other commands, and the slowest to load

            if arguments.command == "run":
                daemon.leave(await daemon.run(config))
            return await daemon.collect_once(config)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    command: list[str] = []
    if words[:1] == ["track"] and "--" in words:  # the command's own words are not ours to read
        at = words.index("--")
        words, command = words[:at], words[at + 1 :]
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.command == "track" and not command:
        parser.error("track: expected -- COMMAND")
    try:
        if arguments.command == "track":
            return _track(arguments, command)
        if arguments.command == "schema":
            schema_command.check_options(arguments)
            if arguments.print_sql:
                return schema_command.print_script()
        if arguments.command == "demo":
            return _demo(arguments)
        config = resolve(arguments.config, arguments.dsn, arguments.dsn_file)
        logs.configure(config.log.format, config.log.level)
        return asyncio.run(_run(arguments, config))
    except ScriptTrackingError as error:
        print(f"script-tracking-exporter: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
