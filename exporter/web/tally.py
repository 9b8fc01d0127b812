"""How many requests the API was asked, by route and status, and how long they took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

from exporter.collect.families import Family, LabelSet
from exporter.metricmap import MetricSpec

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))
# as the API's description has them; what leads to none of them, and who has no token, is told together
ROUTES = (
    "/api/v1/dashboard",
    "/api/v1/errors",
    "/api/v1/executions",
    "/api/v1/executions/{execution_hk}",
    "/api/v1/executions/{execution_hk}/tree",
    "/api/v1/executions/{execution_hk}/versions",
    "/api/v1/health",
    "/api/v1/objects",
    "/api/v1/objects/history",
    "/api/v1/openapi.json",
    "/api/v1/performance",
    "/api/v1/targets",
    "/api/v1/tenants",
)
NO_ROUTE = "none"


class Tally:
    """Counts, and hands out what it counted. Nothing of a request but its route gets in."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._within: dict[str, list[int]] = {}  # by route: how many took up to each bound and longer than the last
        self._seconds: dict[str, float] = {}
        self._told = -1

    def begin(self) -> None:
        """Makes the series known that are sure to come, so that their first request counts."""
        for route in ROUTES:
            self._requests.setdefault((route, 200), 0)
            self._within.setdefault(route, [0] * len(BOUNDS))
            self._seconds.setdefault(route, 0.0)

    def note(self, route: str | None, status: int, seconds: float) -> None:
        """Counts a request."""
        name = route if route in ROUTES else NO_ROUTE
        self._requests[name, status] += 1
        within = self._within.setdefault(name, [0] * len(BOUNDS))
        within[bisect_left(BOUNDS, seconds)] += 1
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def news(self, specs: Mapping[str, MetricSpec]) -> Iterator[Family]:
        """Its metrics, where something was counted since they were last asked for."""
        counted = len(self._requests) + self._requests.total()
        if counted == self._told:
            return
        self._told = counted
        values: dict[LabelSet, float] = {
            (("route", route), ("status", str(status))): float(count)
            for (route, status), count in sorted(self._requests.items())
        }
        yield Family(specs["api_requests"], values)
        durations = Family(specs["api_request_duration"])
        for route, within in sorted(self._within.items()):
            labels = (("route", route),)
            sums = [sum(within[: number + 1]) for number in range(len(BOUNDS))]
            durations.buckets[labels] = [(bound, float(count)) for bound, count in zip(BOUNDS, sums, strict=True)]
            durations.sums[labels] = self._seconds[route]
        yield durations
