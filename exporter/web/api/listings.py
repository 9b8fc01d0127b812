"""The lists of the API: path, statement, columns, and by which of them the pages go."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.web.api.columns import Column
from exporter.web.api.questions import Errors, Executions, Listing, ObjectHistory, Objects

_BEGUN = Column("execution_timestamp", "time", True, "when it began")
_SECONDS = Column("duration_seconds", "number")
_EXECUTION = (
    Column("execution_hk", "key", True),
    Column("tenant", needed=True),
    Column("script_name", needed=True),
    Column("script_type", needed=True),
    Column("execution_status", needed=True),
    _BEGUN,
    _SECONDS,
)
EXECUTION = (
    *_EXECUTION,
    Column("db_session_user", needed=True),
    Column("client_ip"),
    Column("affected_objects", "texts"),
    Column("sql_command"),
    Column("error_sqlstate"),
    Column("error_message"),
    Column("evidence"),
    Column("metadata", "json", True),
    Column("change_verdict", description="of captured DDL: inside, approved, outside or frozen; null: not judged"),
    Column("change_window", description="the window that was open, or the window or freeze by which it is frozen"),
    Column("change_reference", description="what the claimed reference was worth: approved, expired, unknown, missing"),
)
VERSION = (
    Column("recorded_at", "time", True, "when this version was recorded"),
    Column("replaced_at", "time", False, "when the next one was; null: it is the current one"),
    Column("version_number", "integer", True),
    Column("execution_status", needed=True),
    _SECONDS,
    Column("error_sqlstate"),
    Column("error_message"),
    Column("evidence"),
    Column("record_source", needed=True),
    Column("hash_diff", "key", True),
    Column("metadata", "json", True),
)
NODE = (
    Column("depth", "integer", True, "0 is the outermost"),
    Column("execution_hk", "key", True),
    Column("parent_hk", "key"),
    *_EXECUTION[1:],
    Column("error_sqlstate"),
)
TARGET = (
    Column("target", needed=True),
    Column("up", "boolean", False, "whether it answered lately; null: not asked yet"),
    Column("standby", "boolean"),
    Column("schema_version", "integer", False, "0: there is no tracking schema; null: not looked for yet"),
)
_OBJECT = (
    Column("tenant", needed=True),
    Column("object_type", needed=True),
    Column("object_identity", needed=True),
)


@dataclass(frozen=True)
class List:
    """One list; `keys` name the columns by which it is ordered and paged, each row's being its own."""

    path: str
    statement: str
    summary: str
    description: str
    question: type[Listing]
    columns: tuple[Column, ...]
    keys: tuple[str, ...]


LISTS = (
    List(
        "/executions",
        "executions",
        "Executions, newest first",
        "In their current version. From page to page none comes twice, and none that was there from the first on is "
        "left out, whatever is added meanwhile.",
        Executions,
        EXECUTION,
        ("execution_timestamp", "execution_hk"),
    ),
    List(
        "/objects",
        "objects",
        "Objects that stood at a time",
        "As far as records tell that this token may read. All pages are of the time of the first one.",
        Objects,
        (
            Column("object_hk", "key", True),
            *_OBJECT,
            Column("changed_at", "time", True),
            Column("execution_hk", "key", True, "the last record that touched it"),
            Column("command", needed=True),
            Column("db_session_user", needed=True),
            Column("statement"),
            Column("as_of", "time", True),
        ),
        ("as_of", "object_identity", "object_type", "object_hk"),
    ),
    List(
        "/objects/history",
        "object_history",
        "Records that touched an object, newest first",
        "Under any name that it has or had. An object that is not known has none.",
        ObjectHistory,
        (
            Column("execution_hk", "key", True),
            *_OBJECT,
            Column("object_hk", "key", True),
            Column("object_status", needed=True),
            Column("script_name", needed=True),
            Column("script_type", needed=True),
            Column("execution_status", needed=True),
            _BEGUN,
            Column("recorded_at", "time", True),
            Column("db_session_user", needed=True),
            Column("statement"),
            Column("partition_change"),
            Column("privileges", "json"),
            Column("definition", "texts"),
            Column("evidence"),
        ),
        ("recorded_at", "execution_hk", "object_hk"),
    ),
    List(
        "/dashboard",
        "dashboard",
        "Each tenant's last 24 hours",
        "get_enterprise_dashboard().",
        Listing,
        (
            Column("tenant", needed=True),
            Column("verdict", needed=True, description="ok, warning or critical"),
            Column("operations_24h", "integer"),
            Column("failed_24h", "integer"),
            Column("failure_ratio_24h", "number"),
            Column("average_duration_seconds_24h", "number"),
            Column("running", "integer"),
            Column("ddl_24h", "integer"),
            Column("last_operation_at", "time"),
            Column("since", "time"),
            Column("operations_per_minute", "number"),
            Column("p95_duration_seconds_24h", "number"),
            Column("operations_change", "number"),
            Column("failure_ratio_week_before", "number"),
            Column("oldest_running_at", "time"),
            Column("failing_checks", "texts"),
            Column("tracker_failing_checks", "texts"),
        ),
        ("tenant",),
    ),
    List(
        "/performance",
        "performance",
        "Durations of each tenant and type, last 24 hours",
        "get_performance_metrics().",
        Listing,
        (
            Column("tenant", needed=True),
            Column("script_type", needed=True),
            Column("executions_24h", "integer"),
            Column("failures_24h", "integer"),
            Column("failure_ratio", "number"),
            Column("average_seconds", "number"),
            Column("p50_seconds", "number"),
            Column("p95_seconds", "number"),
            Column("p99_seconds", "number"),
            Column("max_seconds", "number"),
            Column("since", "time"),
            Column("executions_per_minute", "number"),
            Column("slowest_scripts", "json"),
            Column("most_frequent_scripts", "json"),
        ),
        ("tenant", "script_type"),
    ),
    List(
        "/errors",
        "errors",
        "Kinds of failures of the last hours",
        "get_recent_errors().",
        Errors,
        (
            Column("tenant", needed=True),
            Column("script_type", needed=True),
            Column("script_name"),
            Column("error_class"),
            Column("error_sqlstate"),
            Column("error_message"),
            Column("errors", "integer"),
            Column("first_seen_at", "time"),
            Column("last_seen_at", "time"),
            Column("last_execution_hk", "key"),
            Column("fingerprint"),
            Column("since", "time"),
        ),
        ("tenant", "script_type", "error_sqlstate", "fingerprint"),
    ),
    List(
        "/health",
        "health",
        "Checks of the tracker",
        "get_system_health(). What is to be done stands there for auditors alone.",
        Listing,
        (
            Column("check_name", needed=True),
            Column("status", needed=True, description="ok, warning, critical or unknown"),
            Column("value", "number"),
            Column("threshold", "number"),
            Column("unit"),
            Column("advice"),
        ),
        ("check_name",),
    ),
    List(
        "/tenants",
        "tenants",
        "Tenants",
        "For auditors.",
        Listing,
        (
            Column("tenant", needed=True),
            Column("state", needed=True, description="active, suspended or offboarded"),
            Column("state_since", "time"),
            Column("reason"),
            Column("changed_by"),
            Column("registered_at", "time", True),
            Column("former_codes", "texts"),
            Column("members", "texts"),
        ),
        ("tenant",),
    ),
)
