"""The shipped rules, their cases and both configurations, by the tools of Prometheus and Alertmanager."""

from __future__ import annotations

import itertools
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
ALERTS = [
    rule["alert"]
    for file in RULES
    for group in shipped.load(file)["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
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


def recorded(rule: shipped.Yaml) -> str:
    """What an expression that reads the result of a recording rule holds; of an alert its name."""
    name = str(rule.get("record", rule.get("alert")))
    return f'{name}{{threshold="{rule["labels"]["threshold"]}"' if name == thresholdrules.RECORD else name


def needed(text: str, alerts: set[str]) -> list[tuple[str, shipped.Yaml]]:
    """Rule files with these alerts alone, and what they and the text of a file of cases read."""
    files = [(file.name, shipped.load(file)) for file in RULES]
    rules = [rule for _, content in files for group in content["groups"] for rule in group["rules"]]
    assert not any("ALERTS" in rule["expr"] for rule in rules), "no alert's expression is about another's"
    kept = [rule for rule in rules if rule.get("alert") in alerts]
    texts = [text, *(rule["expr"] for rule in kept)]
    while texts:
        read = texts.pop()
        found = [rule for rule in rules if "record" in rule and rule not in kept and recorded(rule) in read]
        kept += found
        texts += [rule["expr"] for rule in found]
    for _, content in files:
        for group in content["groups"]:
            group["rules"] = [rule for rule in group["rules"] if rule in kept]
    return files


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_rules_do_what_their_cases_say(promtool: str, case: Path, tmp_path: Path) -> None:
    """Without what the alert does not read, which would cost promtool most of its time."""
    text = case.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    tested = {one["alertname"] for test in content["tests"] for one in test.get("alert_rule_test", [])}
    assert case.stem.partition(".")[0] in tested
    copy = tmp_path / "tests" / case.name  # as it is: PyYAML reads a series of zeros, 0x40, as a number
    for folder in (copy.parent, tmp_path / "rules"):
        folder.mkdir()
    shutil.copy(case, copy)
    assert content["rule_files"] == ["../rules/*.rules.yaml"]
    for name, rules in needed(text, tested):
        (tmp_path / "rules" / name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    check(promtool, "test", "rules", copy)


KINDS = ("fires", "silent", "boundary")
ONE_CASE = {"ScriptTrackingWatchdog": "it always fires"}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_case_of_each_kind(alert: str) -> None:
    """By the names of its cases, and by what they expect: an alert, and none."""
    tests = [
        test
        for case in CASES
        if case.stem.partition(".")[0] == alert
        for test in yaml.load(case.read_text(encoding="utf-8"), yaml.BaseLoader)["tests"]
    ]
    expected = [one["exp_alerts"] for test in tests for one in test["alert_rule_test"] if one["alertname"] == alert]
    assert any(expected)
    if alert in ONE_CASE:
        return
    assert not all(expected)
    missing = [kind for kind in KINDS if not any(kind in test["name"] for test in tests)]
    assert missing == []
    groups = [group for _, content in needed("", {alert}) for group in content["groups"]]
    read = {rule["expr"] for group in groups for rule in group["rules"]}
    if any("_total" in expr for expr in read):
        across = [test for test in tests if "counter reset" in test["name"]]
        assert any(falls(one["values"]) for test in across for one in test["input_series"] if "_total" in one["series"])


def falls(values: str) -> bool:
    """Whether a series of promtool's notation begins a part below where the one before began."""
    starts = [float(found) for found in re.findall(r"(?:^| )(\d+(?:\.\d+)?)", values)]
    return any(after < before for before, after in itertools.pairwise(starts))


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
        exporter_addresses=["127.0.0.1:1"],
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
    changed = ("group_wait", "group_interval", "url", "years", "weekdays", "times", "time_intervals")
    assert without(derived, *changed) == without(config, *changed)
    assert derived["route"]["routes"][0]["group_interval"] == "1s"
    assert derived["time_intervals"][0]["time_intervals"] == [{"years": ["2000"]}]
    hooks = {receiver["name"]: receiver.get("webhook_configs", []) for receiver in derived["receivers"]}
    assert {name: [hook["url"] for hook in of] for name, of in hooks.items()} == {
        name: [f"http://127.0.0.1:3/{name}"] if name != "nobody" else [] for name in hooks
    }
    assert {"pager", "tickets", "dead-mans-switch"} <= hooks.keys()
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
    budget = '1 - script_tracking:alert_threshold{threshold="slo_objective_ratio"}'
    read = "\n".join(expressions).replace(budget, "")
    matched = re.findall(r"group_left \(\)\s+script_tracking:alert_threshold", read)
    assert len(matched) == read.count("script_tracking:alert_threshold")
