"""Panels of the exporter itself: what it is asked and refuses, its sessions, its event loop and its certificate."""

from __future__ import annotations

from typing import Any, Final

from grafana.links import EXPORTER, Link, cell, label, to
from grafana.panels import NO_DATA, Limit, Query, states, timeseries
from grafana.promql import once, quantile, rate, select, select_exporter, total
from grafana.tables import Column, table
from grafana.usual import by_target, rates

Json = dict[str, Any]

NO_API: Final = "nothing was asked"
_HERE: Final = [to(EXPORTER, "This exporter", instance=label("instance"))]
_ALL: Final = [to(EXPORTER, "All exporters")]


def exporters() -> Json:
    """A row for each exporter; its page is where Prometheus scrapes it."""
    build = once(select_exporter("exporter_build_info"), "instance", "version", "python", "libpq")
    valid = once(select_exporter("config_last_reload_successful"), "instance")
    read = once(select_exporter("config_last_reload_success_timestamp_seconds"), "instance")
    watched = f"count by (instance) (max by (instance, target) ({select('up')}))"
    answering = f"sum by (instance) (max by (instance, target) ({select('up')}))"
    used = once(select_exporter("exporter_sessions_open"), "instance")

    def of(expression: str) -> str:
        return f"{expression} * on (instance) group_left (version, python, libpq) {build}"

    return table(
        "Exporters",
        "Each exporter with its version, what it watches, and its configuration. The page of an exporter is at the "
        "address that Prometheus scrapes, where your browser reaches that.",
        {"instance": "Instance", "version": "Version", "python": "Python", "libpq": "libpq"},
        [
            Column(build, "Runs", "short", words=states("yes", "no")),
            Column(of(valid), "Configuration", "short", words=states("valid", "invalid")),
            Column(of(f"1000 * {read}"), "Read", "dateTimeFromNow"),
            Column(of(watched), "Targets", "short"),
            Column(of(answering), "Targets up", "short"),
            Column(of(used), "Sessions", "short"),
        ],
        no_value="no exporter",
        links={"Instance": [to(EXPORTER, "This exporter", instance=cell("Instance")),
                            Link("Its page", "http://${__data.fields.Instance}/")]},
    )  # fmt: skip


def curves(limits: dict[str, float]) -> list[Json]:
    """Nine panels; each replica answers for itself."""
    requests = once(rate(select_exporter("exporter_http_requests_total")), "instance", "path", "status")
    asked = once(rate(select_exporter("api_requests_total")), "instance", "route", "status")
    buckets = once(rate(select_exporter("api_request_duration_seconds_bucket")), "instance", "route", "le")
    ended = once(rate(select_exporter("exporter_http_connections_ended_total")), "instance", "reason")
    waited = once(rate(select_exporter("exporter_session_wait_seconds_total")), "instance")
    ends = f"min by (instance) ({select_exporter('web_certificate_not_after_timestamp_seconds')}) - time()"
    return [
        rates(
            "Requests by status",
            "HTTP requests each second by path: 401 wants a password or a token, 429 was refused by a limit, 503 at "
            "/-/ready is an exporter that starts or whose collection stalls.",
            total(requests, "path", "status"),
            "{{path}} {{status}}",
            unit="reqps",
            links=_ALL,
        ),
        rates(
            "API requests by route",
            "Requests of the REST API each second, by route and status. Without tokens there is no API.",
            total(asked, "route", "status"),
            "{{route}} {{status}}",
            unit="reqps",
            no_value="no API",
            links=_ALL,
        ),
        timeseries(
            "API duration by route, p95",
            "95th percentile of the time from a request's headers to the end of its answer, estimated from the "
            "histogram's buckets.",
            [Query(quantile(0.95, total(buckets, "route", "le")), "{{route}}")],
            unit="s",
            no_value=NO_API,
            links=_ALL,
        ),
        rates(
            "Connections ended",
            "Connections each second that an exporter ended or did not let in, by reason: they were silent or slow, or "
            "too many.",
            total(ended, "reason"),
            "{{reason}}",
            no_value="none",
            links=_ALL,
        ),
        timeseries(
            "Sessions with databases",
            "Sessions that the exporter has open, its tasks that wait for one, and how many it may have: long waits "
            "mean that sessions.limit is below two for each target.",
            [
                Query(once(select_exporter("exporter_sessions_open"), "instance"), "open, {{instance}}"),
                Query(once(select_exporter("exporter_sessions_waiting"), "instance"), "waiting, {{instance}}"),
            ],
            unit="short",
            no_value=NO_DATA,
            step=True,
            links=_HERE,
        ),
        timeseries(
            "Waiting for sessions",
            "Seconds in each second that tasks of an exporter wait for a session, all together.",
            [Query(waited, "{{instance}}")],
            unit="short",
            no_value=NO_DATA,
            links=_HERE,
        ),
        timeseries(
            "Event loop lag",
            "Longest that a task of the exporter which was due had to wait for its turn: beyond 50 ms scrapes and "
            "collections are late, as on a machine without a processor to spare.",
            [Query(once(select_exporter("exporter_event_loop_lag_seconds"), "instance"), "{{instance}}")],
            unit="s",
            no_value=NO_DATA,
            links=_HERE,
        ),
        by_target(
            "Databases found",
            "Databases of a server that are watched because the server named them.",
            once(select("discovery_databases"), "target"),
            unit="short",
            no_value="no discovery",
            step=True,
            links=_ALL,
        ),
        timeseries(
            "Certificate ends in",
            "Time until the certificate that the exporter presents, or one of its chain, ends; below the line "
            "ScriptTrackingCertificateExpiring warns.",
            [Query(ends, "{{instance}}")],
            unit="s",
            no_value="no TLS",
            limit=Limit(limits["certificate_ends_in_seconds"], "below"),
            links=_HERE,
        ),
    ]
