"""The subcommand `track`: runs a command as if it were run by itself, and records what became of it."""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

from exporter.client import Operation, Tracker
from exporter.dsn import Dsn
from exporter.errors import ConfigurationError, OperationNotRecorded

CANNOT_RUN, NOT_FOUND, KILLED = 126, 127, 128  # as a shell says it
_FORWARDED = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
_FROM_TERMINAL = 128  # SI_KERNEL: the terminal has sent it to the command as well


def run(arguments: argparse.Namespace, dsn: Dsn | ConfigurationError, dsn_file: Path | None, command: list[str]) -> int:
    """Runs the command; its exit code, or 128 and the number of the signal that ended it. A configuration that is in
    error is told at the end, like a database that is away. The file, where there is one, is read anew each time.

    Raises OperationNotRecorded where a record is required and the start cannot be recorded.
    """
    metadata: dict[str, object] = {"program": command[0], "host": socket.gethostname()}
    for pair in arguments.metadata:
        key, separator, value = pair.partition("=")
        if not key or not separator:
            raise ConfigurationError("--metadata: expected KEY=VALUE")
        metadata[key] = value
    # it tells by itself, once
    logging.getLogger("script_tracking").addHandler(logging.NullHandler())
    logging.getLogger("script_tracking").propagate = False
    # blocked before the client's thread starts, which inherits that; the command does not
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED | {signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tracker = Tracker(
        "" if isinstance(dsn, ConfigurationError) else dsn.secret(),
        dsn_file=dsn_file,
        strict=arguments.require_record,
        heartbeat_seconds=arguments.heartbeat,
        timeout_seconds=arguments.timeout,
        application_name="script-tracking-exporter track",
    )
    operation = tracker.operation(
        arguments.name or Path(command[0]).name, arguments.type, tenant=arguments.tenant, metadata=metadata
    )
    began = False
    code = 0
    try:
        with operation:
            began = True
            code = _run(command, mask, operation)
    except OperationNotRecorded:
        if not began:
            raise
    finally:
        tracker.close()
    problem = str(dsn) if isinstance(dsn, ConfigurationError) else operation.problem
    if problem is not None:
        print(f"script-tracking-exporter: {command[0]} was not recorded: {problem}", file=sys.stderr)
        return code or int(arguments.require_record)
    return code


def _run(command: list[str], mask: set[int] | set[signal.Signals], operation: Operation) -> int:
    try:
        child = os.posix_spawnp(
            command[0], command, os.environ, setsigmask=mask, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
        )
    except OSError as error:
        # where one folder of the PATH may not be searched the kernel says that of a command that is in none of them
        missing = "/" not in command[0] and shutil.which(command[0], mode=os.F_OK) is None
        reason = os.strerror(errno.ENOENT) if missing else error.strerror
        operation.fail(f"{command[0]}: {reason}")
        print(f"script-tracking-exporter: {command[0]}: {reason}", file=sys.stderr)
        return NOT_FOUND if missing or isinstance(error, FileNotFoundError) else CANNOT_RUN
    code = os.waitstatus_to_exitcode(_wait(child))
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        operation.metadata["signal"] = name
        operation.fail(f"killed by {name}")
        return KILLED - code
    operation.metadata["exit_code"] = code
    if code:
        operation.fail(f"exit code {code}")
    return code


def _wait(child: int) -> int:
    """Passes signals on until the command has ended; its status."""
    while True:
        signals = _FORWARDED | {signal.SIGCHLD}
        if sys.platform == "linux":
            info = signal.sigwaitinfo(signals)
            number, from_terminal = info.si_signo, info.si_code == _FROM_TERMINAL
        else:
            number = signal.sigwait(signals)
            from_terminal = number in (signal.SIGINT, signal.SIGQUIT)
        if number == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status
        elif not from_terminal:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
