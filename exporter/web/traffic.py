"""What the HTTP server has to do with its clients: requests by path and status, and connections that it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, get_args

from exporter.collect.families import Family, LabelSet
from exporter.metricmap import MetricSpec
from exporter.web.guests import Reason

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = frozenset({"/", "/-/healthy", "/-/ready", "/-/reload", "/metrics", "/probe"})
FOLDERS = ("/api/v1", "/runbooks")  # with what is below them
OTHER = "other"
# of a scrape: what is sure to come, and what keeps Prometheus out; known from the start, so that the first one counts
SCRAPES = (200, 401, 429, 500)


def named(path: str) -> str:
    """A path as it is told: nobody can bring about others than these."""
    if path in PATHS:
        return path
    return next((folder for folder in FOLDERS if path == folder or path.startswith(f"{folder}/")), OTHER)


class Traffic:
    """Counts, and hands out what it counted."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter({("/metrics", status): 0 for status in SCRAPES})
        self._ended: Counter[Reason] = Counter(dict.fromkeys(get_args(Reason), 0))
        self.connections = 0
        self._told: tuple[int, int, int, int] | None = None

    def note(self, path: str, status: int) -> None:
        """Counts a request."""
        self._requests[named(path), status] += 1

    def end(self, reason: Reason) -> None:
        """Counts a connection that the server ended, or did not let in."""
        self._ended[reason] += 1

    def news(self, specs: Mapping[str, MetricSpec]) -> Iterable[Family]:
        """Its metrics, where something changed since they were last asked for."""
        counted = len(self._requests), self._requests.total(), self._ended.total(), self.connections
        if counted == self._told:
            return ()
        self._told = counted
        requests: dict[LabelSet, float] = {
            (("path", path), ("status", str(status))): float(count)
            for (path, status), count in sorted(self._requests.items())
        }
        ended: dict[LabelSet, float] = {(("reason", reason),): float(count) for reason, count in self._ended.items()}
        return (
            Family(specs["http_requests"], requests),
            Family(specs["http_connections"], {(): float(self.connections)}),
            Family(specs["http_connections_ended"], ended),
        )


class Counted:
    """Counts the requests of an application, those included that end in a mistake of ours."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and its answer back."""
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._traffic.note(scope["path"], message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            if not begun:  # the server then answers so
                self._traffic.note(scope["path"], 500)
            raise
