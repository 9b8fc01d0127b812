"""Table of the alerts, made from the rules: for the page that leads to their runbooks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from exporter.yamlfile import LOADER

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy" / "prometheus" / "rules"
PAGE = ROOT / "docs" / "alerts.md"
_EITHER = re.compile(r"\{\{ *with \$labels\.(\w+).*?\{\{ *end *\}\}")
_LABEL = re.compile(r"\{\{[^}]*?\$labels\.(\w+)[^}]*\}\}")
_OTHER = re.compile(r"\{\{.*?\}\}")


def _plain(summary: str) -> str:
    """A summary with the names of labels where their values will stand."""
    return " ".join(_OTHER.sub("...", _LABEL.sub(r"*\1*", _EITHER.sub(r"*\1*", summary))).split())


def _rules() -> list[dict[str, Any]]:
    groups = [
        group
        for file in sorted(RULES.glob("*.rules.yaml"))
        for group in yaml.load(file.read_text(encoding="utf-8"), LOADER)["groups"]
    ]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def table() -> str:
    """A row for each alert, by component and name; one that has several severities stands once."""
    found: dict[tuple[str, str], tuple[list[str], str]] = {}
    for rule in _rules():
        labels = rule["labels"]
        severities, _ = found.setdefault(
            (labels["component"], rule["alert"]), ([], _plain(rule["annotations"]["summary"]))
        )
        if labels["severity"] not in severities:
            severities.append(labels["severity"])
    rows = ["| alert, with its runbook | severity | component | it says |", "|---|---|---|---|"]
    rows += [
        f"| [{name}](runbooks/{name}.md) | {', '.join(severities)} | {component} | {summary} |"
        for (component, name), (severities, summary) in sorted(found.items())
    ]
    return "\n".join(rows) + "\n"
