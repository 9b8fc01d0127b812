"""The template variables that every dashboard has, in this order: data source, job, instance, target, tenant."""

from typing import Any

from grafana.promql import PREFIX, select, select_exporter

Json = dict[str, Any]
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}


def _query(name: str, label: str, description: str, query: str) -> Json:
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


def variables() -> list[Json]:
    """All variables; each narrows the ones after it."""
    build = f"{PREFIX}exporter_build_info"
    return [
        {
            "name": "datasource",
            "label": "Data source",
            "description": "The Prometheus that scrapes the exporter",
            "type": "datasource",
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "multi": False,
            "includeAll": False,
            "options": [],
            "hide": 0,
            "skipUrlSync": False,
        },
        _query(
            "job",
            "Job",
            "Scrape jobs that have an exporter",
            f"label_values({build}, job)",
        ),
        _query(
            "instance",
            "Instance",
            "Exporters; replicas of one target are counted once",
            f'label_values({build}{{job=~"$job"}}, instance)',
        ),
        _query("target", "Target", "Watched databases", f"label_values({select_exporter('up')}, target)"),
        _query("tenant", "Tenant", "Tenants by their code", f"label_values({select('operations_24h')}, tenant)"),
    ]
