"""Panels of the replication slot and the server's log, through which failed DDL is captured."""

from __future__ import annotations

from typing import Any

from grafana.links import CAPTURE, label, to
from grafana.panels import NO_DATA, Limit
from grafana.promql import increase, once, select, total
from grafana.usual import by_target, number

Json = dict[str, Any]

_NO_SLOT = "no slot"
_NO_LOG = "no log is read"


def _count(title: str, description: str, expr: str, no_value: str) -> Json:
    return number(
        title,
        description,
        expr,
        no_value=no_value,
        limit=Limit(0, "above"),
        links=[to(CAPTURE, "Slot and log over time")],
    )


def _within(metric: str) -> str:
    return total(once(increase(select(metric), "$__range"), "target"))


def dropped() -> Json:
    """Slots that went."""
    return _count(
        "Slots dropped",
        "Replication slots within the time range that were dropped as they held back too much, or could not be read: "
        "ScriptTrackingCaptureSlotDropped.",
        _within("capture_slots_dropped_total"),
        NO_DATA,
    )


def refused() -> Json:
    """Forged messages."""
    return _count(
        "Forged messages",
        "Messages within the time range that pretended to come from the event triggers: ScriptTrackingForgedMessage.",
        _within("refused_messages_total"),
        NO_DATA,
    )


def gaps() -> Json:
    """What of the log was not read."""
    return _count(
        "Gaps of the server log",
        "Files of the server's log within the time range that were gone or cut short before they were read, and lines "
        "that are no entry: ScriptTrackingServerLogGap.",
        f"{_within('server_log_gaps_total')} + {_within('server_log_unparsed_lines_total')}",
        _NO_LOG,
    )


def curves(limits: dict[str, float]) -> list[Json]:
    """Three panels."""
    held, bound = (once(select(f"capture_slot_{name}_bytes"), "target") for name in ("lag", "bound"))
    read = once(select("server_log_last_read_timestamp_seconds"), "target")
    here = [to(CAPTURE, "This target", target=label("target"))]
    return [
        by_target(
            "Slot, of what it may hold back",
            "Write-ahead log that the replication slot holds back, as a share of what it may; past the line "
            "ScriptTrackingCaptureSlotAtRisk warns, at 1 it is dropped.",
            f"{held} / ({bound} > 0)",
            unit="percentunit",
            no_value=_NO_SLOT,
            limit=Limit(limits["slot_lag_ratio"], "above"),
            links=here,
        ),
        by_target(
            "Server log to be read",
            "Bytes of the server's log that are not read yet, over all of its files.",
            once(select("server_log_unread_bytes"), "target"),
            unit="bytes",
            no_value=_NO_LOG,
            links=here,
        ),
        by_target(
            "Age of the last reading of the log",
            "Time since the server's log was last read.",
            f"time() - {read}",
            unit="s",
            no_value=_NO_LOG,
            links=here,
        ),
    ]
