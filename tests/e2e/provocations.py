"""Each alert, how it is provoked and how that is mended. What each step does: provoking.py."""

from __future__ import annotations

from typing import Any

from tests.e2e.provoking import (
    NOTHING_AHEAD,
    RENAME,
    Ground,
    Provocation,
    abandon,
    behave,
    close,
    cut,
    cut_log_short,
    do,
    fail_logins,
    guess,
    let_go,
    lose,
    meddle,
    misbehave,
    nothing,
    operate,
    reinstall,
    tamper,
    wait_for_locks,
)
from tests.e2e.provoking_exporters import (
    break_configuration,
    break_targets,
    mend_configuration,
    mend_targets,
    mistake,
    renew_certificate,
    stall,
    start_another,
    unmistake,
)
from tests.vault_steps import INTERNAL

SETTING = "insert into script_tracking_internal.setting (name, value, description) values ('{}', '{}', 'test')"
NO_SETTING = "delete from script_tracking_internal.setting where name = '{}'"
LIMIT = "storage.warning_bytes"
DUE = (
    f"insert into {INTERNAL}.partition_kept"
    " values (now() - interval '4 days', now() - interval '2 days', 'due', 'nothing')"
)
TRIGGER = "alter event trigger"
TENANT = "alter table script_tracking.tenant_h"
TO_PUBLIC = "select on script_tracking.tenant_s"
PAUSE, RESUME = "select script_tracking.pause_tracking('test')", "select script_tracking.resume_tracking()"


def reopen(ground: Ground) -> None:
    ground.elsewhere(f"alter database {ground.name} allow_connections true")


def _in(target: str, severity: str, component: str, *told: tuple[Any, ...]) -> tuple[Provocation, ...]:
    return tuple(Provocation(alert, target, severity, component, *more) for alert, *more in told)


RECORDED = _in(
    "guarded", "critical", "capture",
    ("RecordsLost", lose, nothing),
    ("EventTriggerDisabled", do(f"{TRIGGER} et_sql_drop disable"), do(f"{TRIGGER} et_sql_drop enable always"),
     {"trigger": "et_sql_drop"}),
    ("EventTriggerChanged",
     do("create role other_superuser superuser", f"{TRIGGER} et_table_rewrite owner to other_superuser"),
     do(f"{TRIGGER} et_table_rewrite owner to current_user", "drop role other_superuser"),
     {"trigger": "et_table_rewrite"}),
    ("RecordUnprotected", meddle(f"{TENANT} no force row level security"),
     meddle(f"{TENANT} force row level security")),
    ("UntrackedChange", do("explain analyze create table public.sly as select 1 as n"), nothing),
)  # fmt: skip
SEEN = _in(
    "guarded", "critical", "access",
    ("IsolationBroken", meddle(f"grant {TO_PUBLIC} to public"), meddle(f"revoke {TO_PUBLIC} from public"),
     {"check": "rights"}),
    ("OwnerRoleMember", do("create role new_member", "grant script_tracking_owner to new_member"),
     do("revoke script_tracking_owner from new_member", "drop role new_member")),
)  # fmt: skip
CAPTURED = _in(
    "tickets", "warning", "capture",
    ("ForgedMessage", do("select pg_logical_emit_message(false, 'script_tracking', 'forged')"), nothing),
    ("CaptureFailing", meddle(RENAME.format(old="reconcile", new="reconcile_gone")),
     meddle(RENAME.format(old="reconcile_gone", new="reconcile"))),
    ("ReconcilerStopped", nothing, nothing),  # by the same
    ("CaptureSlotAtRisk", nothing, nothing),  # by the transaction that stays open, as the next
    ("ServerLogGap", cut_log_short, nothing),
    ("ChangeJudgingFailing", meddle(RENAME.format(old="unjudged_ddl", new="unjudged_gone")),
     meddle(RENAME.format(old="unjudged_gone", new="unjudged_ddl"))),
)  # fmt: skip
HELD = _in(
    "kept", "warning", "database",
    ("DdlWaiting", wait_for_locks, let_go),
    ("HorizonHeld", nothing, nothing),  # by the same transaction
    ("RollupLag", nothing, nothing),
)  # fmt: skip
STORED = _in(
    "kept", "warning", "storage",
    ("UpkeepFailing", meddle(RENAME.format(old="run_upkeep", new="upkeep_gone")),
     meddle(RENAME.format(old="upkeep_gone", new="run_upkeep"))),
    ("PartitionMissing", meddle(NOTHING_AHEAD), cut),
    ("PartitionOverdue", do(DUE), do(f"delete from {INTERNAL}.partition_kept")),
    ("StorageForecast", do(SETTING.format(LIMIT, "1")), do(NO_SETTING.format(LIMIT))),
    # from the beginning: the configuration archives, the database has it off
    ("ArchiveFailing", nothing, do(f"update {INTERNAL}.setting set value = 'on' where name = 'retention.archive'")),
)  # fmt: skip
OTHERS = (
    *_in("guarded", "critical", "storage",
         ("VaultViolation", tamper("+ 1"), tamper("- 1"), {"check": "satellite_hash_diff"})),
    *_in("dropped", "warning", "capture", ("CaptureSlotDropped", nothing, nothing)),
    *_in("copy", "warning", "database",
         ("UnconfirmedCopy", nothing, do("select script_tracking.confirm_copy('test')"))),
    *_in("missing", "critical", "capture",
         ("SchemaMissing", meddle("drop schema script_tracking, script_tracking_internal cascade"), reinstall)),
    *_in("closed", "critical", "database", ("TargetDown", close, reopen)),
    *_in("logins", "critical", "logins",
         ("LoginUnavailable", fail_logins, nothing, {"tenant": "acme", "script_type": "LOGIN"})),
    *_in("logins", "warning", "security",
         ("LoginGuessing", guess, nothing, {"tenant": "acme", "pattern": "one account"})),
    *_in("logins", "warning", "capture", ("Paused", do(PAUSE), do(RESUME))),
)  # fmt: skip
# by the first of them: a transaction that stays open, as below, has judging wait
JUDGED = _in(
    "shop",
    "warning",
    "capture",
    ("DdlOutsideWindow", do("create table public.outside ()"), nothing, {"tenant": "system"}),
)
OPERATED = (
    *_in("shop", "critical", "operations",
         ("ErrorSpike", operate("spiking", 20, 32), nothing, {"tenant": "spiking"}),
         ("ErrorBudgetFastBurn", operate("burning", 17, 100), nothing, {"tenant": "burning", "window": "1h"})),
    *_in("shop", "warning", "operations",
         ("ErrorBudgetSlowBurn", operate("uneasy", 20, 500), nothing, {"tenant": "uneasy", "window": "1d"}),
         ("ErrorsUnusual", nothing, nothing, {"tenant": "uneasy"}),  # by the same
         ("NewErrorKind", nothing, nothing, {"tenant": "uneasy", "script_type": "BATCH", "error_class": "P0"}),
         ("OperationLongRunning", do("select script_tracking.track_operation('endless', 'BATCH', 'slow')"),
          do(f"select script_tracking.complete_operation(script_execution_hk, true) from {INTERNAL}.running_operation"),
          {"tenant": "slow", "script_type": "BATCH"})),
    # upkeep is to end what it has noted as gone, and fails there
    *_in("kept", "warning", "operations", ("OperationsOrphaned", abandon, nothing)),
)  # fmt: skip
COLLECTED = _in(
    "shop", "warning", "exporter",
    ("CollectionStale", misbehave("stale"), behave("stale"), {"collector": "own_stale"}),
    ("SeriesDropped", misbehave("twice"), behave("twice"), {"collector": "own_twice"}),
    ("CollectionsSkipped", misbehave("slow"), behave("slow")),
)  # fmt: skip
# of another exporter than that which watches all others
ABOUT = {"job": None, "instance": None}
EXPORTED = (
    *_in("spare", "warning", "exporter",
         ("SchedulerStalled", stall, nothing, ABOUT),
         ("ExporterMistaken", mistake, unmistake, {**ABOUT, "task": "watch"}),
         ("ConfigReloadFailed", break_configuration, mend_configuration, ABOUT),
         ("TargetsUnknown", break_targets, mend_targets, {"instance": None, "file": None}),
         ("CertificateExpiring", nothing, renew_certificate, ABOUT)),  # from the beginning: of two days
    *_in("spare", "critical", "exporter", ("ExporterDown", nothing, start_another, ABOUT)),  # nor did it ever run
)  # fmt: skip
PROVOCATIONS = (*JUDGED, *EXPORTED, *HELD, *RECORDED, *SEEN, *CAPTURED, *STORED, *OTHERS, *OPERATED, *COLLECTED)
