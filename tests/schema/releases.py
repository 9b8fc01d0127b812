"""Older releases, made out of a copy of this one's SQL files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

HEALTH = "code/report/get_system_health.sql"
BOUNDS = "code/upkeep/duration_bounds.sql"
PARTITION = "code/upkeep/vault_partition.sql"


def edit(base: Path, path: str, change: Callable[[str], str]) -> None:
    """Changes a file of a release; fails where the change does nothing."""
    text = (base / path).read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text, path
    (base / path).write_text(changed, encoding="utf-8")


def without(base: Path, path: str) -> None:
    """Takes a code file out of a release, and out of what requires it."""
    (base / path).unlink()
    name = path.removeprefix("code/")
    for file in (base / "code").rglob("*.sql"):
        lines = file.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines):
            if line.startswith("-- requires:") and name in line:
                left = [item for item in line.removeprefix("-- requires:").replace(" ", "").split(",") if item != name]
                lines[number] = "-- requires: " + ", ".join(left)
        file.write_text("\n".join(lines), encoding="utf-8")


def older_result(base: Path) -> None:
    """The dashboard had no last column."""
    edit(
        base,
        "code/report/get_enterprise_dashboard.sql",
        lambda text: text.replace(", tracker_failing_checks text[])", ")").replace(
            "select d.*",
            "select d.tenant, d.verdict, d.operations_24h, d.failed_24h, d.failure_ratio_24h, "
            "d.average_duration_seconds_24h, d.running, d.ddl_24h, d.last_operation_at, d.since, "
            "d.operations_per_minute, d.p95_duration_seconds_24h, d.operations_change, d.failure_ratio_week_before, "
            "d.oldest_running_at, d.failing_checks",
        ),
    )


def older_arguments(base: Path) -> None:
    """complete_operation knew no metadata."""
    path = "code/operation/complete_operation.sql"
    edit(
        base,
        path,
        lambda text: text.replace(
            "affected_rows bigint default null, metadata jsonb default null)", "affected_rows bigint default null)"
        ),
    )
    edit(
        base,
        path,
        lambda text: text.replace("complete_operation.metadata", "null::jsonb").replace(
            "text, bigint, jsonb) is", "text, bigint) is"
        ),
    )
    edit(
        base,
        "grants.sql",
        lambda text: text.replace(
            "complete_operation(bytea, boolean, text, text, bigint, jsonb)",
            "complete_operation(bytea, boolean, text, text, bigint)",
        ),
    )


def older_view(base: Path) -> None:
    """The view had its columns in another order."""
    edit(
        base,
        PARTITION,
        lambda text: text.replace(
            "p.relname as relation, c.oid::regclass as partition,",
            "c.oid::regclass as partition, p.relname as relation,",
        ),
    )


def more_functions(base: Path) -> None:
    """A function that was given up later."""
    (base / "code" / "report" / "get_gossip.sql").write_text(
        "create or replace function script_tracking.get_gossip() returns text language sql as $$ select '' $$;",
        encoding="utf-8",
    )


def more_grants(base: Path) -> None:
    """A right that was taken back later."""
    edit(
        base,
        "grants.sql",
        lambda text: text.replace(
            "reset role;",
            "grant execute on function script_tracking.cleanup_old_data(integer) to script_tracking_app;\nreset role;",
        ),
    )


def fewer_functions(base: Path) -> None:
    """Before the health checks, and the daemon's reading of them."""
    without(base, "code/collect/collect_health.sql")
    without(base, HEALTH)
    edit(
        base,
        "code/report/get_enterprise_dashboard.sql",
        lambda text: re.sub(r"array\(\n.*?\)\) as d", "null::text[]) as d", text, flags=re.DOTALL),
    )
    edit(
        base,
        "grants.sql",
        lambda text: re.sub(
            r",\s+script_tracking\.get_system_health\(\)(?=,|\nto)",
            "",
            text.replace("script_tracking_internal.collect_health(),", ""),
        ),
    )


def older_trigger(base: Path) -> None:
    """The event triggers did not fire under session_replication_role = replica."""
    edit(
        base,
        "code/capture/make_event_triggers.sql",
        lambda text: text.replace("alter event trigger %I enable always", "alter event trigger %I enable"),
    )
