"""What a service manager is told: sd_notify's datagrams, on the socket that the environment names."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

MOST_UNSENT = 8  # messages


class Manager:
    """systemd where it asks to be told, else nobody. Telling never fails and never waits."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name[:1] == "@" else name if name[:1] == "/" else ""
        self.watchdog_seconds = self._watchdog(environment) if self._address else None
        self._status = ""
        self._unsent: list[str] = []

    @staticmethod
    def _watchdog(environment: Mapping[str, str]) -> float | None:
        """Within what time systemd wants signs of life; None where it wants none of this process."""
        microseconds, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        if not microseconds.isdecimal() or int(microseconds) == 0 or (process and process != str(os.getpid())):
            return None
        return int(microseconds) / 1e6

    def _tell(self, *lines: str) -> None:
        """Sends a message, or keeps it until the next call where systemd is behind with reading."""
        if self._address:
            self._unsent = [*self._unsent, "\n".join(lines)][-MOST_UNSENT:]
            self._send()

    def _send(self) -> None:
        flags = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with socket.socket(socket.AF_UNIX, flags) as wire:
            while self._unsent:
                try:
                    wire.sendto(self._unsent[0].encode(), self._address)
                except BlockingIOError:
                    return
                except OSError:
                    pass  # nobody reads there
                del self._unsent[0]

    def ready(self) -> None:
        """The daemon listens, or has done with reading its configuration anew."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """The daemon begins to read its configuration anew."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The daemon ends."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """The sign of life that the watchdog waits for."""
        if self._unsent[-1:] != ["WATCHDOG=1"]:
            self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for who asks how it goes, when it has changed."""
        if text != self._status:
            self._status = text
            self._tell(f"STATUS={text}")
        elif self._unsent:
            self._send()
