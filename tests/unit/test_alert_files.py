"""The shipped rules, their cases and both configurations, by the tools of Prometheus and Alertmanager."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from exporter import thresholdrules
from exporter.alertconfig import AlertThresholds, TargetThresholds
from exporter.demo import shipped
from exporter.demo.monitoring import derive_alertmanager, derive_prometheus, derive_rules
from exporter.errors import ConfigurationError

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yaml"))
CASES = sorted((DEPLOY / "prometheus" / "tests").glob("*.yaml"))


def tool(name: str, package: str) -> str:
    """Path of a program; the variable of its name in capitals names another version."""
    path = shutil.which(os.environ.get(name.upper(), name))
    if path is None:
        pytest.skip(f"not on the PATH: {name} (Debian: apt-get install {package})")
    return path


@pytest.fixture
def promtool() -> str:
    """Prometheus' checking tool."""
    return tool("promtool", "prometheus")


@pytest.fixture
def amtool() -> str:
    """Alertmanager's checking tool."""
    return tool("amtool", "prometheus-alertmanager")


def check(*command: str | Path) -> None:
    """Runs a tool that must find nothing."""
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_promtool_finds_nothing_in_the_rules(promtool: str) -> None:
    check(promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_rules_do_what_their_cases_say(promtool: str, case: Path, tmp_path: Path) -> None:
    """Without the other alerts, which cost promtool most of its time: no alert's expression is about another's."""
    content = yaml.safe_load(case.read_text(encoding="utf-8"))
    tested = {one["alertname"] for test in content["tests"] for one in test.get("alert_rule_test", [])}
    assert case.stem.partition(".")[0] in tested
    copy = tmp_path / "tests" / case.name  # as it is: PyYAML reads a series of zeros, 0x40, as a number
    for folder in (copy.parent, tmp_path / "rules"):
        folder.mkdir()
    shutil.copy(case, copy)
    assert content["rule_files"] == ["../rules/*.rules.yaml"]
    for file in RULES:
        rules = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group["rules"] = [rule for rule in group["rules"] if rule.get("alert") in (None, *tested)]
            assert not any("ALERTS" in rule["expr"] for rule in group["rules"])
        (tmp_path / "rules" / file.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    check(promtool, "test", "rules", copy)


def test_promtool_finds_nothing_in_the_configuration(promtool: str) -> None:
    check(promtool, "check", "config", DEPLOY / shipped.PROMETHEUS)


def test_amtool_finds_nothing_in_the_configuration(amtool: str) -> None:
    check(amtool, "check-config", DEPLOY / shipped.ALERTMANAGER)


def test_the_configuration_names_every_rule_file() -> None:
    assert shipped.rule_files() == RULES


def without(config: object, *names: str) -> object:
    """A configuration without the keys of these names, at any depth."""
    if isinstance(config, dict):
        return {key: without(value, *names) for key, value in config.items() if key not in names}
    return [without(value, *names) for value in config] if isinstance(config, list) else config


def test_what_is_run_differs_from_what_is_shipped_in_addresses_and_waits_only(promtool: str, tmp_path: Path) -> None:
    config = shipped.prometheus_config()
    derived = derive_prometheus(
        config,
        exporter_address="127.0.0.1:1",
        alertmanager_address="127.0.0.1:2",
        rules=shipped.rule_files(),
        interval=0.5,
    )
    changed = ("scrape_interval", "evaluation_interval", "rule_files", "targets")
    assert without(derived, *changed) == without(config, *changed)
    assert derived["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:1"]}]
    assert derived["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["127.0.0.1:2"]}]
    assert derived["rule_files"] == [str(file) for file in RULES]
    file = tmp_path / "prometheus.yaml"
    file.write_text(yaml.safe_dump(derived), encoding="utf-8")
    check(promtool, "check", "config", file)


def test_another_for_is_given_to_the_named_alert_alone() -> None:
    rules = shipped.load(next(file for file in RULES if file.name == "database.rules.yaml"))
    derived = derive_rules(rules, {"ScriptTrackingTargetDown": "3s"})
    waits = [
        {rule["alert"]: rule.get("for") for group in file["groups"] for rule in group["rules"] if "alert" in rule}
        for file in (rules, derived)
    ]
    assert waits[0]["ScriptTrackingTargetDown"] == "1m"
    assert waits[1] == waits[0] | {"ScriptTrackingTargetDown": "3s"}
    assert without(derived, "for") == without(rules, "for")


def test_alertmanager_keeps_its_routes_and_the_paths_of_its_receivers(amtool: str, tmp_path: Path) -> None:
    config = shipped.alertmanager_config()
    derived = derive_alertmanager(config, webhook_address="127.0.0.1:3", wait="1s")
    changed = ("group_wait", "group_interval", "url")
    assert without(derived, *changed) == without(config, *changed)
    assert derived["route"]["routes"][0]["group_interval"] == "1s"
    urls = {receiver["name"]: receiver["webhook_configs"][0]["url"] for receiver in derived["receivers"]}
    assert urls == {"pager": "http://127.0.0.1:3/pager", "tickets": "http://127.0.0.1:3/tickets"}
    file = tmp_path / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(derived), encoding="utf-8")
    check(amtool, "check-config", file)


def test_thresholds_are_read_from_the_rules_and_must_have_a_default(tmp_path: Path) -> None:
    assert shipped.alert_thresholds() == {name: field.default for name, field in AlertThresholds.model_fields.items()}
    rule = {"record": "script_tracking:alert_threshold", "expr": "max(x) or vector(2)", "labels": {"threshold": "own"}}
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"rules": [rule]}]}), encoding="utf-8")
    assert shipped.alert_thresholds([file]) == {"own": 2.0}
    file.write_text(yaml.safe_dump({"groups": [{"rules": [rule | {"expr": "up"}]}]}), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="threshold own has no default"):
        shipped.alert_thresholds([file])


def test_every_threshold_is_one_of_an_alert() -> None:
    """And the other way round: by the name that the rules compare with, on the side of a target or of the exporter."""
    expressions = [
        rule["expr"]
        for file in RULES
        for group in shipped.load(file)["groups"]
        for rule in group["rules"]
        if rule.get("record") != thresholdrules.RECORD
    ]
    compared = {name for expr in expressions for name in re.findall(r'alert_threshold{threshold="(\w+)"}', expr)}
    assert compared == set(AlertThresholds.model_fields)
    for expr in expressions:
        for matching, name in re.findall(
            r'on \((\w*)\)\s+group_left \(\)\s+script_tracking:alert_threshold{threshold="(\w+)"}', expr
        ):
            assert matching == ("target" if name in TargetThresholds.model_fields else ""), name
    assert sum(expr.count("script_tracking:alert_threshold") for expr in expressions) == sum(
        len(re.findall(r"group_left \(\)\s+script_tracking:alert_threshold", expr)) for expr in expressions
    )
