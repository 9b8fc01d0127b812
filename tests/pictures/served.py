"""The page that draws a dashboard, over HTTP, with the answers of a real Prometheus and a real PostgreSQL beside it."""

from __future__ import annotations

import datetime
import decimal
import json
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import psycopg

GRAFANA = Path(__file__).resolve().parents[2] / "grafana"
BUILD = GRAFANA / "pictures" / "build"
DASHBOARDS = GRAFANA / "dashboards"
QUERY_SECONDS = 60.0
# Grafana's types of a column by PostgreSQL's
TYPES = {
    **dict.fromkeys((16,), "boolean"),
    **dict.fromkeys((20, 21, 23, 26, 700, 701, 1700), "number"),
    **dict.fromkeys((1082, 1114, 1184), "time"),
}

_opener = build_opener(ProxyHandler({}))  # loopback only


@dataclass(frozen=True)
class Sources:
    """Where Prometheus is, and the database's DSN; without one SQL is refused."""

    prometheus_url: str
    dsn: str | None = None


@contextmanager
def served(sources: Sources) -> Iterator[str]:
    """The page's address."""

    class Handler(_Handler):
        pass

    Handler.sources = sources
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def rows(dsn: str, statement: str) -> dict[str, Any]:
    """Columns and rows of a statement, as the page reads them; or the server's own words on what is wrong with it."""
    try:
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute("set statement_timeout = '30s'")
            cursor = session.execute(statement.encode())
            columns = [
                {"name": one.name, "type": TYPES.get(one.type_code, "string")} for one in cursor.description or ()
            ]
            return {"columns": columns, "rows": [[plain(value) for value in row] for row in cursor.fetchall()]}
    except psycopg.Error as error:
        return {"error": str(error)}


def plain(value: object) -> object:
    """A value as JSON has it; a moment in milliseconds, as Grafana has it."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case decimal.Decimal():
            return float(value)
        case datetime.datetime():
            return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).timestamp() * 1000
        case datetime.date():
            return plain(datetime.datetime(value.year, value.month, value.day))
        case list() | dict():
            return json.dumps(value, default=str)
        case _:
            return str(value)


class _Handler(BaseHTTPRequestHandler):
    sources: Sources

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
        if path.startswith("prometheus/"):
            return self._prometheus(None)
        base = GRAFANA if path.startswith("dashboards/") else BUILD
        file = (base / path).resolve()
        if not file.is_relative_to(base) or not file.is_file():
            return self._answer(404, "text/plain", b"not found\n")
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return self._answer(200, kind, file.read_bytes())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/prometheus/"):
            return self._prometheus(body)
        if self.path != "/sql":
            return self._answer(404, "text/plain", b"not found\n")
        dsn = self.sources.dsn
        found = rows(dsn, body.decode()) if dsn else {"error": "no PostgreSQL data source"}
        return self._answer(200, "application/json", json.dumps(found).encode())

    def _prometheus(self, body: bytes | None) -> None:
        url = self.sources.prometheus_url + self.path.removeprefix("/prometheus")
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        try:
            with _opener.open(Request(url, data=body, headers=headers), timeout=QUERY_SECONDS) as response:
                self._answer(200, "application/json", response.read())
        except HTTPError as error:
            self._answer(error.code, "application/json", error.read())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
