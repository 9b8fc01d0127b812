"""Panels of the exporter itself: what it is asked and refuses, its sessions, its event loop and its certificate."""

from __future__ import annotations

from typing import Any, Final

from grafana.panels import NO_DATA, Limit, Query, timeseries
from grafana.promql import once, quantile, rate, select_exporter, total

Json = dict[str, Any]

NO_API: Final = "nothing was asked"


def exporter(limits: dict[str, float]) -> list[Json]:
    """Six panels; each replica answers for itself."""
    requests = once(rate(select_exporter("exporter_http_requests_total")), "instance", "path", "status")
    asked = once(rate(select_exporter("api_requests_total")), "instance", "route", "status")
    buckets = once(rate(select_exporter("api_request_duration_seconds_bucket")), "instance", "route", "le")
    ends = f"min by (instance) ({select_exporter('web_certificate_not_after_timestamp_seconds')}) - time()"
    return [
        timeseries(
            "Requests by status",
            "HTTP requests each second by path: 401 wants a password or a token, 429 was refused by a limit, 503 at "
            "/-/ready is an exporter that starts or whose collection stalls.",
            [Query(total(requests, "path", "status"), "{{path}} {{status}}")],
            unit="reqps",
            no_value=NO_DATA,
            stacked=True,
        ),
        timeseries(
            "API requests by route",
            "Requests of the REST API each second, by route and status. Without tokens there is no API.",
            [Query(total(asked, "route", "status"), "{{route}} {{status}}")],
            unit="reqps",
            no_value="no API",
            stacked=True,
        ),
        timeseries(
            "API duration by route, p95",
            "95th percentile of the time from a request's headers to the end of its answer, estimated from the "
            "histogram's buckets.",
            [Query(quantile(0.95, total(buckets, "route", "le")), "{{route}}")],
            unit="s",
            no_value=NO_API,
        ),
        timeseries(
            "Sessions with databases",
            "Sessions that the exporter has open, and its tasks that wait for one: long waits mean that sessions.limit "
            "is below two for each target.",
            [
                Query(once(select_exporter("exporter_sessions_open"), "instance"), "open, {{instance}}"),
                Query(once(select_exporter("exporter_sessions_waiting"), "instance"), "waiting, {{instance}}"),
            ],
            unit="short",
            no_value=NO_DATA,
            step=True,
        ),
        timeseries(
            "Event loop lag",
            "Longest that a task of the exporter which was due had to wait for its turn: beyond 50 ms scrapes and "
            "collections are late, as on a machine without a processor to spare.",
            [Query(once(select_exporter("exporter_event_loop_lag_seconds"), "instance"), "{{instance}}")],
            unit="s",
            no_value=NO_DATA,
        ),
        timeseries(
            "Certificate ends in",
            "Time until the certificate that the exporter presents, or one of its chain, ends; below the line "
            "ScriptTrackingCertificateExpiring warns.",
            [Query(ends, "{{instance}}")],
            unit="s",
            no_value="no TLS",
            limit=Limit(limits["certificate_ends_in_seconds"], "below"),
        ),
    ]
