"""Prints what Alertmanager's webhook would tell a pager: `python -m exporter.demo.pager HOST:PORT`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from exporter.demo.webhook import read_message


class Handler(BaseHTTPRequestHandler):
    """Takes a message, or answers 400 to what is none."""

    def do_POST(self) -> None:
        """A JSON object a line for each alert."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            told = read_message(body, self.path, datetime.now(UTC))
        except (KeyError, ValueError, TypeError):
            self.send_error(400)
            return
        for alert in told:
            line = {
                "at": alert.received_at.isoformat(timespec="milliseconds"),
                "receiver": alert.receiver,
                "status": alert.status,
                "alert": alert.name,
                "labels": dict(alert.labels),
                **alert.annotations,
            }
            print(json.dumps(line), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """What arrives is told, and not that it did."""


if __name__ == "__main__":
    host, _, port = sys.argv[1].rpartition(":")
    with ThreadingHTTPServer((host, int(port)), Handler) as server:
        server.serve_forever()
