"""The command `script-tracking-exporter`. Exit codes: 0 done, 1 the job failed, 2 usage or configuration.

Each subcommand loads what it needs when it runs: `track` stands before other people's commands, and is to start fast.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.arguments import check_schema_options, parse
from exporter.errors import ConfigurationError, ScriptTrackingError
from exporter.processtitle import hide

if TYPE_CHECKING:
    from exporter.config import Config
    from exporter.dsn import Dsn
    from exporter.targetconfig import TargetConfig


def _config(arguments: argparse.Namespace) -> Config:
    from exporter.configfile import resolve

    config = resolve(arguments.config, arguments.dsn, arguments.dsn_file)
    web_file: Path | None = getattr(arguments, "web_config_file", None)  # which some subcommands take
    if web_file is not None:
        config = config.model_copy(update={"web": config.web.model_copy(update={"config_file": web_file.absolute()})})
    return config


def _only_target(arguments: argparse.Namespace, complaint: str) -> TargetConfig:
    config = _config(arguments)
    if len(config.targets) != 1 or config.targets[0].discover is not None or config.file_sd is not None:
        raise ConfigurationError(f"{complaint}: name one target")
    return config.targets[0]


def _demo(arguments: argparse.Namespace) -> int:
    """Plays on an embedded server unless one is named."""
    import asyncio

    from exporter.demo import runner  # needs the extra `demo`

    sources = (arguments.config, arguments.dsn, arguments.dsn_file)
    existing = None
    if any(source is not None for source in sources) or os.environ.get("DATABASE_URL"):
        existing = _only_target(arguments, "the demo plays on one server").dsn
    return asyncio.run(runner.run(existing, runner.read_duration(arguments.duration)))


def _track(arguments: argparse.Namespace, command: list[str]) -> int:
    """Runs the command also where no database is configured, unless a record is required."""
    from exporter import track

    dsn: Dsn | ConfigurationError
    dsn_file: Path | None = None
    try:
        dsn, dsn_file = _tracked(arguments)
    except ConfigurationError as error:
        if arguments.require_record:
            raise
        dsn = error
    return track.run(arguments, dsn, dsn_file, command)


def _tracked(arguments: argparse.Namespace) -> tuple[Dsn, Path | None]:
    """The database to record in, and the file that names it; the configuration's models only where there is a file."""
    if arguments.config is None:
        from exporter.dsn import resolve

        return resolve(arguments.dsn, arguments.dsn_file), arguments.dsn_file
    target = _only_target(arguments, "track records in one database")
    return target.dsn, target.dsn_file


def _schema(arguments: argparse.Namespace) -> int:
    import asyncio

    from exporter.schema import command

    if arguments.print_sql:
        return command.print_script(arguments)

    async def run() -> int:
        config = _configured(arguments)
        if config.file_sd is not None or any(target.discover is not None for target in config.targets):
            from exporter.inventory import expanded

            config = await expanded(config)
        return await command.run(arguments, config)

    return asyncio.run(run())


def _configured(arguments: argparse.Namespace) -> Config:
    """The configuration, and the log set as it says."""
    from exporter import logs

    config = _config(arguments)
    logs.configure(config.log.format, config.log.level, config.log.levels)
    return config


def _check_config(arguments: argparse.Namespace) -> int:
    if arguments.schema is not None:
        from exporter.reference import schema_text

        print(schema_text(arguments.schema), end="")
        return 0
    config = _configured(arguments)
    from exporter import checkconfig

    if arguments.connect:
        import asyncio

        return asyncio.run(checkconfig.run_connected(config))
    return checkconfig.run(config)


def _archive(arguments: argparse.Namespace) -> int:
    """Asks databases only where some are named: archives are looked at by themselves as well, far from any."""
    import asyncio

    from exporter import archivecheck

    named = any(source is not None for source in (arguments.config, arguments.dsn, arguments.dsn_file))

    async def run() -> int:
        config = _configured(arguments) if named else None
        if config is not None and (config.file_sd is not None or any(target.discover for target in config.targets)):
            from exporter.inventory import expanded

            config = await expanded(config)
        return await archivecheck.run(arguments.directory, config)

    return asyncio.run(run())


def _daemon(arguments: argparse.Namespace) -> int:
    import asyncio
    import gc
    import signal

    gc.disable()  # what is loaded now stays: to look through it again and again for garbage takes a tenth of the start
    if arguments.command == "run":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it has what reads the configuration anew
    config = _configured(arguments)
    listener = None
    if arguments.command == "run":
        from exporter.web.listener import listen

        listener = listen(config.listen_host, config.listen_port)  # who asks from here on waits for what is loaded next
    from exporter import daemon, service  # the slowest to load
    from exporter.resolver import Loop

    gc.freeze()
    if listener is None:  # else it is enabled by what has loaded what answers
        gc.enable()
        return asyncio.run(daemon.collect_once(config))

    async def run() -> int:
        service.leave(await service.run(config, lambda: _config(arguments), listener))

    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(run())


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments, command = parse(list(sys.argv[1:] if argv is None else argv))
    if argv is None and arguments.dsn:
        hide(arguments.dsn)
    try:
        match arguments.command:
            case "track":
                return _track(arguments, command)
            case "schema":
                check_schema_options(arguments)
                return _schema(arguments)
            case "demo":
                return _demo(arguments)
            case "archive":
                return _archive(arguments)
            case "check-config":
                return _check_config(arguments)
            case _:
                return _daemon(arguments)
    except ConfigurationError as error:
        for problem in error.problems:
            print(f"script-tracking-exporter: {problem}", file=sys.stderr)
        return error.exit_code
    except ScriptTrackingError as error:
        print(f"script-tracking-exporter: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
