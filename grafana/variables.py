"""The template variables: those that every dashboard has, in this order, and those of the dashboards of detail."""

from typing import Any, Final

from grafana.promql import PREFIX, select, select_exporter

Json = dict[str, Any]
# The dashboard-linter wants each of several data sources named after its plugin; `postgres` is an alias of
# PostgreSQL's.
DATASOURCE: Json = {"type": "prometheus", "uid": "${prometheus_datasource}"}
RECORD: Json = {"type": "grafana-postgresql-datasource", "uid": "${postgres_datasource}"}
KEPT: Final = ("prometheus_datasource", "postgres_datasource", "job", "instance", "target", "tenant")


def _datasource(plugin: str, description: str) -> Json:
    return {
        "name": f"{plugin}_datasource",
        "label": f"{plugin.capitalize()} data source",
        "description": description,
        "type": "datasource",
        "query": plugin,
        "refresh": 1,
        "regex": "",
        "multi": False,
        "includeAll": False,
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def choice(name: str, label: str, description: str, query: str) -> Json:
    """A multi-value variable with All, read anew whenever the time range changes."""
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "regex": "",
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def entry(name: str, label: str, description: str) -> Json:
    """A text that somebody types, or that a link fills in; empty at first."""
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "textbox",
        "query": "",
        "current": {"selected": True, "text": "", "value": ""},
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def variables() -> list[Json]:
    """Those of every dashboard; each that asks Prometheus narrows the ones after it."""
    build = f"{PREFIX}exporter_build_info"
    return [
        _datasource("prometheus", "The Prometheus that scrapes the exporter"),
        _datasource(
            "postgres",
            "The database whose record the tables show that have names and statements; needed by these alone",
        ),
        choice("job", "Job", "Scrape jobs that have an exporter", f"label_values({build}, job)"),
        choice(
            "instance",
            "Instance",
            "Exporters; replicas of one target are counted once",
            f'label_values({build}{{job=~"$job"}}, instance)',
        ),
        choice("target", "Target", "Watched databases", f"label_values({select_exporter('up')}, target)"),
        choice("tenant", "Tenant", "Tenants by their code", f"label_values({select('operations_24h')}, tenant)"),
    ]


def script_type() -> Json:
    """Which types of executions."""
    selector = select("operations_total", tenant=True)
    return choice("script_type", "Type", "Types of executions", f"label_values({selector}, script_type)")


def status() -> Json:
    """Which final statuses."""
    selector = select("operations_total", tenant=True)
    return choice("status", "Status", "Final statuses of executions", f"label_values({selector}, status)")


def error_class() -> Json:
    """Which classes of errors."""
    selector = select("errors_total", 'script_type=~"$script_type"', tenant=True)
    words = "First two characters of the SQLSTATE"
    return choice("error_class", "Error class", words, f"label_values({selector}, error_class)")
