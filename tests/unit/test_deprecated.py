"""Metrics that go: said in their help and in the reference, used by nothing of ours, and gone when it was said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter import __version__, metricmap, metricsreference
from exporter.config import Config
from exporter.daemon import Daemon
from exporter.metricmap import MetricSpec, version_of

ROOT = Path(__file__).resolve().parents[2]
OLD: dict[str, Any] = {
    "name": "script_tracking_old_seconds",
    "type": "gauge",
    "help": "How old it is.",
    "value": "seconds",
    "deprecated": {"since": "0.9.0", "removed_in": "1.0.0", "instead": "script_tracking_new_seconds"},
}
TOLD = "Deprecated since 0.9.0, goes with 1.0.0, use script_tracking_new_seconds: How old it is."


def declared() -> list[MetricSpec]:
    """All metrics."""
    return [*metricmap.load_own().values(), *(metric for spec in metricmap.load() for metric in spec.metrics)]


def uses(names: set[str]) -> list[tuple[str, str]]:
    """Where rules, dashboards and runbooks name them."""
    files = [*ROOT.glob("deploy/prometheus/rules/*.yaml"), *ROOT.glob("grafana/dashboards/*.json")]
    files += ROOT.glob("docs/runbooks/*.md")
    assert len(files) > 10
    return [
        (file.name, name)
        for file in files
        for name in sorted(set(re.findall(r"\bscript_tracking_\w+", file.read_text(encoding="utf-8"))) & names)
    ]


def test_what_is_deprecated_says_so_where_it_is_served_and_in_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    own = metricmap.load_own()
    gone = {"deprecated": MetricSpec.model_validate(OLD).deprecated, "help": OLD["help"]}
    own["build"] = own["build"].model_copy(update=gone)
    monkeypatch.setattr(metricmap, "load_own", lambda: own)
    config = Config.model_validate({"targets": [{"dsn": "dbname=x"}]})
    served = Daemon(config, lambda: config).snapshot.exposition(openmetrics=False).decode()
    assert f"# HELP script_tracking_exporter_build_info {TOLD}\n" in served
    assert f"| {TOLD} |" in metricsreference.text()


@pytest.mark.parametrize(
    ("key", "value"),
    [("removed_in", "0.9.0"), ("removed_in", "0.8.4"), ("since", "soon"), ("instead", None), ("why", "because")],
)
def test_a_deprecation_that_says_too_little_is_refused(key: str, value: str | None) -> None:
    with pytest.raises(ValidationError):
        MetricSpec.model_validate({**OLD, "deprecated": {**OLD["deprecated"], key: value}})


def test_what_was_to_go_is_gone_and_what_replaces_it_is_there() -> None:
    metrics = {metric.name: metric for metric in declared()}
    for metric in metrics.values():
        if metric.deprecated is not None:
            assert version_of(__version__) < version_of(metric.deprecated.removed_in), f"{metric.name} was to go"
            assert metric.deprecated.instead in metrics, f"{metric.name}: {metric.deprecated.instead} is none"
            assert metrics[metric.deprecated.instead].deprecated is None


def test_nothing_of_ours_uses_what_goes() -> None:
    assert uses({metric.name for metric in declared() if metric.deprecated is not None}) == []
    assert ("overview.json", "script_tracking_up") in uses({"script_tracking_up"})  # it does look


def test_the_page_on_releases_shows_the_key_as_it_is() -> None:
    page = (ROOT / "docs" / "release.md").read_text(encoding="utf-8")
    assert json.dumps(OLD["deprecated"]).replace('"', "") in page.replace('"', "")
