"""What the benchmark beside other exporters has them ask is what our collectors ask."""

from __future__ import annotations

import psycopg

from benchmarks.peers import equal
from exporter import metricmap
from exporter.config import Config


def test_each_function_is_asked_once_for_all_of_its_metrics(installed_database: str) -> None:
    wanted = {spec.name: spec for spec in metricmap.load() if spec.name in equal.COLLECTORS}
    assert set(wanted) == set(equal.COLLECTORS)
    theirs = equal.query_exporter(installed_database)["queries"]
    others = equal.postgres_exporter()
    with psycopg.connect(installed_database, autocommit=True) as connection:
        for name, spec in wanted.items():
            statement = theirs[name]["sql"]
            assert others[f"equal_{name}"]["query"] == statement
            assert statement.count(spec.function) == 1
            columns = {column.name for column in connection.execute(statement.encode()).description or ()}
            labels = {label for metric in spec.metrics for label in metric.labels}
            assert columns == labels | {equal.name_of(metric) for metric in spec.metrics}
            assert {key for entry in others[f"equal_{name}"]["metrics"] for key in entry} == columns


def test_our_side_runs_these_collectors_and_no_others(installed_database: str) -> None:
    config = Config.model_validate(equal.ours(1234, installed_database))
    run = {spec.name for spec in metricmap.load() if getattr(config.collectors.get(spec.name), "enabled", True)}
    assert run == set(equal.COLLECTORS)
    assert {config.collectors[name].interval for name in run} == {equal.INTERVAL_SECONDS}
