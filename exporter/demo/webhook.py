"""A receiver of Alertmanager's webhook on the loopback address: what a pager would be told."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal

Status = Literal["firing", "resolved"]


@dataclass(frozen=True)
class Notification:
    """One alert of one message: `receiver` is Alertmanager's name of it, `path` where the message arrived."""

    name: str
    status: Status
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    receiver: str
    path: str
    received_at: datetime


def read_message(body: bytes, path: str, received_at: datetime) -> list[Notification]:
    """The alerts of one webhook message, version 4. Raises KeyError or ValueError for anything else."""
    message: dict[str, Any] = json.loads(body)
    if message["version"] != "4":
        raise ValueError(f"version {message['version']} of the webhook is not known")
    return [
        Notification(
            alert["labels"]["alertname"],
            alert["status"],
            alert["labels"],
            alert["annotations"],
            message["receiver"],
            path,
            received_at,
        )
        for alert in message["alerts"]
    ]


class Webhook:
    """Listens on a free port from its entry to its exit, in a thread of its own."""

    def __init__(self) -> None:
        self._received: list[Notification] = []  # append and copy are atomic: no lock
        received = self._received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Takes a message, or answers 400 to what is none."""
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                try:
                    received.extend(read_message(body, self.path, datetime.now(UTC)))
                except (KeyError, ValueError, TypeError):
                    self.send_error(400)
                    return
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """The terminal is the demo's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="webhook", daemon=True)

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def notifications(self) -> list[Notification]:
        """What arrived so far, oldest first."""
        return list(self._received)

    def __enter__(self) -> Webhook:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
