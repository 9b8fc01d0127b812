"""How each watched database fares, for people: what is not as it should be, and what to do about it.

Told of what the watches know already. What may name an object, role or process stands apart, in `detail`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from exporter.collect.digest import Check, Digest
from exporter.watch import Watch

State = Literal["critical", "warning", "waiting", "ok"]
AT_ONCE = 50
CERTIFICATE_SECONDS = 14 * 86400.0  # as long before its end the alert fires
STATES: tuple[State, ...] = ("critical", "warning", "waiting", "ok")  # the worst first

# checks whose advice names processes, relations or settings; that of the others is the same in every database
NAMING = frozenset({"capture_level", "horizon_holder", "record_protected"})
RUNBOOKS: Mapping[str, str] = {  # of what a check finds
    "archive": "ScriptTrackingArchiveFailing",
    "capture_slot_lag": "ScriptTrackingCaptureSlotDropped",
    "catalog_compared": "ScriptTrackingReconcilerStopped",
    "catalog_coverage": "ScriptTrackingUntrackedChange",
    "event_triggers_enabled": "ScriptTrackingEventTriggerDisabled",
    "horizon_holder": "ScriptTrackingHorizonHeld",
    "links_lag": "ScriptTrackingRollupLag",
    "lost_records": "ScriptTrackingRecordsLost",
    "oldest_prepared_transaction": "ScriptTrackingHorizonHeld",
    "owner_role_members": "ScriptTrackingOwnerRoleMember",
    "partitions_ahead": "ScriptTrackingPartitionMissing",
    "partitions_overdue": "ScriptTrackingPartitionOverdue",
    "record_protected": "ScriptTrackingRecordUnprotected",
    "refused_messages": "ScriptTrackingForgedMessage",
    "rollup_lag": "ScriptTrackingRollupLag",
    "storage": "ScriptTrackingStorageForecast",
    "tracking_paused": "ScriptTrackingPaused",
    "unconfirmed_copy": "ScriptTrackingUnconfirmedCopy",
    "untracked_changes": "ScriptTrackingUntrackedChange",
    "vault_check": "ScriptTrackingVaultViolation",
}

LACKS: Mapping[str, str] = {  # what keeps the capture level from being higher, in words that name nobody
    "configuration": "the exporter's configuration has capture.slot off",
    "event_triggers": "the schema was installed without event triggers",
    "pause": "tracking is paused: script_tracking.resume_tracking() ends it",
    "pg_read_all_stats": "the role that installed the schema has no pg_read_all_stats",
    "primary": "this is a standby",
    "probe": "it is not known yet",
    "publication": "the publication script_tracking_capture is missing: script-tracking-exporter schema install",
    "replication": "the role that installed the schema has no REPLICATION",
    "server_log": "the server's log is not read: logging_collector, jsonlog or csvlog, and the right to read it",
    "slot": "the replication slot is being made",
    "slot_dropped": "the replication slot held back too much and was dropped; another one is made within 15 minutes",
    "slot_failed": "the replication slot could not be made: the log says why",
    "wal_level": "the setting wal_level is not logical",
}


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be."""

    state: State
    what: str
    advice: str
    runbook: str | None = None
    detail: str | None = None  # may name what no metric names


@dataclass(frozen=True)
class Overview:
    """One watched database."""

    name: str
    state: State
    word: str
    problems: tuple[Problem, ...]
    standby: bool
    schema_version: int
    digest: Digest


async def overviews(watches: Sequence[Watch]) -> list[Overview]:
    """All of them: the worst first, those of a state by name. Lets other tasks have their turn after some."""
    found = []
    for number, watch in enumerate(watches, start=1):
        found.append(overview(watch))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return sorted(found, key=lambda one: (STATES.index(one.state), one.name))


def overview(watch: Watch) -> Overview:
    """What is known of a database now."""
    target = watch.target
    digest = watch.collector.digester.digest()
    problems = tuple(sorted(_problems(watch, digest), key=lambda problem: STATES.index(problem.state)))
    state: State = min((problem.state for problem in problems), key=STATES.index, default="ok")
    if state == "ok" and digest.checks is None:
        state = "waiting"
    return Overview(
        target.name,
        state,
        _word(watch, state),
        problems,
        bool(target.standby),
        target.schema_version,
        digest,
    )


def of_exporter(
    *,
    config_refused: bool,
    web_refused: bool,
    files: Sequence[str],
    silent: Sequence[str],
    not_after: float | None = None,
) -> Iterator[Problem]:
    """What is wrong with the exporter itself: files that were refused, servers that do not name their databases, a
    certificate that ends at `not_after`, in seconds of the epoch.
    """
    for refused, what, event in (
        (config_refused, "The configuration was refused", "configuration_refused"),
        (web_refused, "The web configuration was refused", "web_config_refused"),
    ):
        if refused:
            advice = f"The last good one is in force. The exporter's log names each mistake ({event})."
            yield Problem("warning", what, advice, "ScriptTrackingConfigReloadFailed")
    left = CERTIFICATE_SECONDS if not_after is None else not_after - time.time()
    if not_after is not None and left < CERTIFICATE_SECONDS:
        day = datetime.fromtimestamp(not_after, UTC)
        state: State = "critical" if left <= 0 else "warning"
        yield Problem(
            state, f"The exporter's certificate {'ended' if left <= 0 else 'ends'} on {day:%Y-%m-%d at %H:%M UTC}",
            "From then on nobody who checks it gets in, Prometheus included. Put a new one in its place "
            "(tls_server_config): it is taken up within seconds.",
            "ScriptTrackingCertificateExpiring",
        )  # fmt: skip
    if files:
        advice = "What they said before is in force. The exporter's log names each mistake (target_file_refused)."
        yield Problem(
            "warning", "Files of targets were refused", advice, "ScriptTrackingTargetsUnknown", "; ".join(files)
        )
    if silent:
        what = f"Servers do not name their databases: {', '.join(silent)}"
        advice = "Those that were known are watched on. The exporter's log says why."
        yield Problem("warning", what, advice, "ScriptTrackingTargetsUnknown")


def _word(watch: Watch, state: State) -> str:
    if watch.target.up is False:
        return "does not answer"
    if state == "waiting":
        return "not known yet"
    if watch.target.up and watch.target.schema_known.is_set() and not watch.target.schema_version:
        return "no schema"
    return {"critical": "critical", "warning": "warning", "ok": "healthy"}[state]


def _problems(watch: Watch, digest: Digest) -> Iterator[Problem]:
    target = watch.target
    if watch.collector.pulse.is_overdue:
        yield Problem(
            "critical", "Collection stalls", "The exporter itself is stuck: restart it, and keep its log.",
            "ScriptTrackingCollectionStale",
        )  # fmt: skip
    if target.up is None:
        return
    if not target.up:
        yield Problem(
            "critical", "The database does not answer",
            "The exporter's log says why (target_down). It tries again by itself; nothing old is shown meanwhile.",
            "ScriptTrackingTargetDown", target.reason,
        )  # fmt: skip
        return
    if not target.schema_known.is_set():
        return
    if not target.schema_version:
        yield Problem(
            "critical", "The schema is not installed, or the exporter may not read it",
            "A superuser runs: script-tracking-exporter schema install --dsn DSN, and grants script_tracking_daemon to "
            "the exporter's role. On a standby the schema comes from its primary.",
            "ScriptTrackingSchemaMissing", watch.schema.refused,
        )  # fmt: skip
        return
    if watch.status.alone is not None:
        yield Problem(
            "critical", "This is a copy of a tracked database, and nobody has confirmed it",
            "Nothing of it is published until a superuser calls script_tracking.confirm_copy('reason').",
            "ScriptTrackingUnconfirmedCopy",
        )  # fmt: skip
        return
    if watch.schema.refused is not None:
        yield Problem(
            "warning", "The schema could not be brought up to date",
            "script-tracking-exporter schema status --dsn DSN says what is missing; the log says why "
            "(schema_not_settled).",
            "ScriptTrackingSchemaMissing", watch.schema.refused,
        )  # fmt: skip
    yield from _of_tasks(watch)
    for check in digest.checks or ():
        if check.status not in ("ok", "unknown"):
            yield _of_check(check, digest)


def _of_tasks(watch: Watch) -> Iterator[Problem]:
    failing = watch.collector.failing
    if failing:
        yield Problem(
            "warning", f"{len(failing)} of {watch.collector.count} collectors fail: {', '.join(sorted(failing))}",
            "What they tell is missing from /metrics. The log says why (collector_failed); an older schema needs: "
            "script-tracking-exporter schema upgrade --dsn DSN.",
            "ScriptTrackingCollectionStale", "; ".join(sorted(set(failing.values()))),
        )  # fmt: skip
    if watch.status.get("change_judging_success") == 0:
        yield Problem(
            "warning", "Captured DDL is not judged by change windows",
            "It is tried again by itself; the log says why (judging_failed, or reference_file_refused).",
            "ScriptTrackingChangeJudgingFailing",
        )  # fmt: skip
    for key, what in (("upkeep_success", "Upkeep fails"), ("capture_success", "Capture fails")):
        if watch.status.get(key) == 0:
            yield Problem(
                "warning", what, "It is tried again by itself; the log says why.",
                "ScriptTrackingUpkeepFailing" if key == "upkeep_success" else "ScriptTrackingCaptureFailing",
            )  # fmt: skip


def lacks(digest: Digest) -> str:
    """What keeps the capture level from being higher; empty where nothing does."""
    word = digest.capture.lacks if digest.capture is not None else ""
    return "" if word == "nothing" else LACKS.get(word, word)


def _of_check(check: Check, digest: Digest) -> Problem:
    named = check.name in NAMING
    if check.name == "capture_level" and digest.capture is not None:
        what = f"The capture level has fallen to {digest.capture.level}"
        why = lacks(digest) or "the exporter's log says why (capture_failed)"
        return Problem("warning", what, f"{why[0].upper()}{why[1:]}.", None, check.advice)
    advice = (
        f"script_tracking.get_system_health() says what: the column advice of the row {check.name}."
        if named or not check.advice
        else check.advice
    )
    state: State = "critical" if check.status == "critical" else "warning"
    what = f"{check.name}: {amount(check.value, check.unit)}, limit {amount(check.threshold, '')}"
    return Problem(state, what, advice, RUNBOOKS.get(check.name), check.advice if named else None)


def amount(value: float | None, unit: str) -> str:
    """A number for people."""
    if value is None:
        return "unknown"
    if unit == "bytes":
        for size, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
            if abs(value) >= size:
                return f"{value / size:.3g} {name}"
    if unit == "seconds":
        for seconds, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
            if abs(value) >= 2 * seconds:
                return f"{value / seconds:.3g} {name}"
        return f"{value:.3g} s"
    if value == 1:
        unit = f"{unit[:-3]}y" if unit.endswith("ies") else unit.removesuffix("s")
    number = f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"
    return number if unit in ("", "level", "ratio") else f"{number} {unit}"
