"""What the command takes. Loaded for every subcommand, so it loads nothing of theirs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from exporter.errors import ConfigurationError

SCHEMA_ACTIONS = {
    "install": "install, or upgrade what is installed; restores code that was changed by hand",
    "upgrade": "upgrade what is installed; fails where nothing is",
    "status": "tell what is installed",
    "verify": "check that what is installed is whole and unchanged",
    "uninstall": "remove event triggers and functions, keep the record",
}
# option, its attribute, the actions that take it
SCHEMA_OPTIONS = (
    ("--print", "print_sql", ("install",)),
    ("--published", "published", ("install", "upgrade")),
    ("--with-auth", "with_auth", ("install", "upgrade")),
    ("--without-auth", "without_auth", ("install", "upgrade")),
    ("--with-event-triggers", "with_event_triggers", ("install", "upgrade")),
    ("--without-event-triggers", "without_event_triggers", ("install", "upgrade")),
    ("--json", "json", ("status", "verify")),
    ("--with-records", "with_records", ("uninstall",)),
    ("--yes", "yes", ("uninstall",)),
)

# What follows may be a DSN, or the rest of one that a shell has torn apart; the names that are allowed may stay.
_GIVEN = re.compile(
    r"(unrecognized arguments|ambiguous option|invalid choice|invalid [\w.]+ value|ignored explicit argument):? .*?"
    r"( \(choose from .*\))?$",
    re.DOTALL,
)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints never repeat a value, which may be a DSN with its password."""

    def error(self, message: str) -> NoReturn:
        """Usage and complaint on standard error; exit code 2."""
        super().error(_GIVEN.sub(r"\1: (not shown, as it may hold a password)\2", message))


class _Version(argparse.Action):
    """Loads what it tells of only where it is asked."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """One line."""
        from exporter.buildinfo import line

        print(line())
        parser.exit()


def parse(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and the command of `track`. Exits with 2 for what is none of it."""
    command: list[str] = []
    if words[:1] == ["track"] and "--" in words:  # the command's own words are not ours to read
        at = words.index("--")
        words, command = words[:at], words[at + 1 :]
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.command == "track" and not command:
        parser.error("track: expected -- COMMAND")
    return arguments, command


def check_schema_options(arguments: argparse.Namespace) -> None:
    """Raises ConfigurationError for an option that the action does not take."""
    for option, attribute, actions in SCHEMA_OPTIONS:
        if getattr(arguments, attribute) and arguments.action not in actions:
            raise ConfigurationError(f"schema {arguments.action} takes no {option}")
    for part in ("auth", "event_triggers"):
        if getattr(arguments, f"with_{part}") and getattr(arguments, f"without_{part}"):
            option = part.replace("_", "-")
            raise ConfigurationError(f"--with-{option} and --without-{option} contradict each other")


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
    parser.add_argument("--version", action=_Version, help="tell version, commit and what it runs on, and stop")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    web = _Parser(add_help=False)
    web.add_argument(
        "--web.config.file", type=Path, metavar="FILE", dest="web_config_file",
        help="TLS and authentication, as of a Prometheus exporter; in place of the configuration's web.config_file",
    )  # fmt: skip
    commands.add_parser("run", parents=[source, web], help="serve /metrics until stopped")
    commands.add_parser("collect", parents=[source], help="one cycle, exposition text on standard output")
    check = commands.add_parser(
        "check-config", parents=[source, web], help="validate the configuration, say what would be watched, and stop"
    )
    check.add_argument("--connect", action="store_true", help="ask each database as well; 1 where one does not answer")
    check.add_argument(
        "--schema", nargs="?", const="configuration", choices=("configuration", "metrics"),
        help="write the JSON Schema of the file, or of one with metrics of your own; check nothing",
    )  # fmt: skip
    _add_track(
        commands.add_parser(
            "track",
            parents=[source],
            usage="%(prog)s [options] -- COMMAND [ARGUMENT ...]",
            help="run a command and record what becomes of it; exits with the command's own code",
        )
    )
    archive = commands.add_parser(
        "archive",
        parents=[source],
        help="check archives of past partitions, and whether those that a database names are there",
    )
    archive.add_argument("action", choices=("verify",), help="1 where anything is missing or not as it was written")
    archive.add_argument("directory", type=Path, metavar="DIRECTORY", help="folder of the archives, or one below it")
    demo = commands.add_parser(
        "demo",
        parents=[source],
        help="play the main job: on an embedded PostgreSQL, or in a database of its own on the server that is named",
    )
    demo.add_argument("--duration", metavar="SECONDS", help="end after so long; by default $DURATION, else at Ctrl-C")
    _add_schema(commands.add_parser("schema", parents=[source], help="install, upgrade, inspect or remove the schema"))
    return parser


def _add_track(parser: argparse.ArgumentParser) -> None:
    """Beside those that name the database and the command."""
    parser.add_argument("--name", metavar="NAME", help="name of the operation; by default the command's")
    parser.add_argument("--type", default="COMMAND", metavar="TYPE", help="its script_type; by default COMMAND")
    parser.add_argument("--tenant", metavar="CODE", help="its tenant")
    parser.add_argument(
        "--metadata", action="append", default=[], metavar="KEY=VALUE", help="what else to record; may be repeated"
    )
    parser.add_argument("--heartbeat", type=float, default=30.0, metavar="SECONDS", help="by default every 30 s")
    parser.add_argument(
        "--timeout", type=float, default=5.0, metavar="SECONDS", help="longest of each wait for the database (5)"
    )
    parser.add_argument(
        "--require-record", action="store_true", help="do not run the command where its start cannot be recorded"
    )


def _add_schema(parser: argparse.ArgumentParser) -> None:
    """Beside those that name the databases."""
    parser.add_argument(
        "action", choices=SCHEMA_ACTIONS, help="; ".join(f"{name}: {what}" for name, what in SCHEMA_ACTIONS.items())
    )
    parser.add_argument("--print", action="store_true", dest="print_sql", help="install: write the SQL, run nothing")
    parser.add_argument(
        "--published", action="store_true", help="install, upgrade: even if subscribers get the new tables at once"
    )
    parser.add_argument(
        "--with-auth", action="store_true", help="install, upgrade: the login wrappers too, from now on"
    )
    parser.add_argument(
        "--without-auth", action="store_true", help="install, upgrade: without the login wrappers again"
    )
    parser.add_argument(
        "--with-event-triggers", action="store_true", help="install, upgrade: the event triggers again, from now on"
    )
    parser.add_argument(
        "--without-event-triggers",
        action="store_true",
        help="install, upgrade: without them, where a managed service lets no role make any",
    )
    parser.add_argument("--json", action="store_true", help="status, verify: as JSON, a line a database")
    parser.add_argument("--with-records", action="store_true", help="uninstall: remove the record too")
    parser.add_argument("--yes", action="store_true", help="uninstall --with-records: do not ask")
