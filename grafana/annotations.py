"""Schema changes as marks on every curve: steps of the counters, and single statements of the record."""

from __future__ import annotations

from typing import Any

from grafana import records
from grafana.promql import increase, once, select, total
from grafana.variables import DATASOURCE, RECORD

Json = dict[str, Any]


def schema_changes() -> Json:
    """Marks where schema changes ended, from the counters."""
    changed = once(
        increase(select("operations_total", 'script_type="DDL"', tenant=True), "$__rate_interval"),
        "target", "tenant", "script_type", "status",
    )  # fmt: skip
    return {
        "name": "Schema changes",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "target": {"refId": "Anno", "datasource": DATASOURCE, "editorMode": "code", "range": True,
                   "instant": False, "legendFormat": "__auto", "expr": f"{total(changed, 'target')} > 0"},
        "titleFormat": "Schema change",
        "textFormat": "in {{target}}",
        "tagKeys": "target",
        "useValueForTime": False,
    }  # fmt: skip


def statements() -> Json:
    """Each statement with who ran it; off until somebody turns it on, as it needs the Postgres data source."""
    return {
        "name": "Statements (Postgres)",
        "datasource": RECORD,
        "enable": False,
        "hide": False,
        "iconColor": "purple",
        "target": {**records.target("marks"), "refId": "Anno"},
    }
