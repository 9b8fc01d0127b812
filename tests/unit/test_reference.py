"""Reference and JSON Schema are as the models, and the schema takes what the program takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exporter import configfile, metricsreference, reference, thresholdrules, yamlfile
from exporter.cli import main
from exporter.errors import ConfigurationError


def validator() -> Any:
    """The class of validators."""
    from jsonschema import Draft202012Validator  # takes seconds to import, for its checkers of formats

    return Draft202012Validator


def test_the_files_are_as_the_models_say() -> None:
    assert reference.SCHEMA.read_text(encoding="utf-8") == reference.schema_text(), "run make reference"
    for file, page in reference.pages().items():
        assert file.read_text(encoding="utf-8") == page, "run make reference"
    assert reference.METRICS_SCHEMA.read_text(encoding="utf-8") == reference.schema_text("metrics"), (
        "run make reference"
    )
    assert metricsreference.PAGE.read_text(encoding="utf-8") == metricsreference.text(), "run make reference"
    rules = thresholdrules.FILE.read_text(encoding="utf-8")
    assert rules == thresholdrules.text(rules), "run make reference"


def test_every_key_is_described() -> None:
    def undescribed(part: Any) -> list[str]:
        if not isinstance(part, dict):
            return []
        own = [name for name, inner in part.get("properties", {}).items() if not inner.get("description")]
        conditions = ("if", "then", "else")  # of what is described elsewhere
        return own + [name for key, inner in part.items() if key not in conditions for name in undescribed(inner)]

    assert undescribed(reference.schema()) == []
    assert undescribed(reference.metrics_schema()) == []


def test_the_command_writes_the_schema_and_needs_no_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for arguments, schema in (([], reference.schema()), (["metrics"], reference.metrics_schema())):
        assert main(["check-config", "--schema", *arguments]) == 0
        written = json.loads(capsys.readouterr().out)
        validator().check_schema(written)
        assert written == schema


OWN = "collectors: {orders: {function: shop.f, metrics: [{name: shop_orders, type: gauge, help: Orders., value: n}]}}"
AS_WRITTEN = {"AUTH": "${AUTH}", "LEVEL": "${LEVEL}"}
FILES = [
    ("targets: [{dsn: dbname=x}]", True),
    ("targets: [{name: a, dsn: dbname=x, auth: true, capture: {slot: auto}}, {dsn_file: DSN}]", True),
    ("targets: [{dsn: dbname=x}]\ncollectors: {health: {interval: 1m, timeout: 5, enabled: false}}", True),
    ("targets: [{dsn: dbname=x, auth: '${AUTH}'}]\nlog: {level: '${LEVEL}'}", True),
    ("targets: [{dsn: dbname=x}]\ncapture: {slot_max_bytes: 64MiB, reconcile_interval: 500ms}", True),
    (f"targets: [{{dsn: dbname=x}}]\napi: {{tokens: [{{name: a, role: r, token_sha256: '{'0' * 64}'}}]}}", True),
    ("targets: [{dsn: dbname=x}]\napi: {tokens: [{name: a, role: r, token_sha256: 123}]}", False),
    ("targets: [{dsn: dbname=x}]\napi: {tokens: [{name: a, role: r}]}", False),
    ("targets: [{dsn: dbname=x}]\nlistne: x", False),
    ("targets: [{dsn: dbname=x}]\nschema: perhaps", False),
    ("targets: [{dsn: dbname=x}]\ncollectors: {nonesuch: {}}", False),
    ("targets: [{dsn: dbname=x}]\ncollectors: {health: {interval: soon}}", False),
    ("targets: [{dsn: dbname=x}]\ncollectors: {health: {interval: 0}}", False),
    ("targets: [{dsn: dbname=x}]\ncapture: {slot_max_bytes: 1}", False),
    ("targets: [{dsn: dbname=x, dsn_file: DSN}]", False),
    ("targets: [{name: a}]", False),
    ("targets: [{dsn: dbname=x}]\nalert_thresholds: {rollup_lag_seconds: 1d, certificate_ends_in_seconds: 7d}", True),
    ("targets: [{dsn: dbname=x, alert_thresholds: {error_spike_failure_ratio: 0.5}}]", True),
    ("targets: [{dsn: dbname=x}]\nalert_thresholds: {error_spike_failure_ratio: 20}", False),
    ("targets: [{dsn: dbname=x}]\nalert_thresholds: {rollup_lag_seconds: -1}", False),
    ("targets: [{dsn: dbname=x}]\nalert_thresholds: {nonesuch: 1}", False),
    ("targets: [{dsn: dbname=x, alert_thresholds: {certificate_ends_in_seconds: 7d}}]", False),
    ("targets: [{dsn: dbname=x}]\nchanges: {windows: [{name: a, from: '22:00', to: '24:00', days: [mon]}]}", True),
    ("targets: [{dsn: dbname=x}]\nchanges: {references: [{pattern: 'A[0-9]', until: '2026-12-24T10:00Z'}]}", True),
    ("targets: [{dsn: dbname=x}]\nchanges: {windows: [{name: a, from: '22:60', to: '24:00'}]}", False),
    ("targets: [{dsn: dbname=x}]\nchanges: {references: [{pattern: 'A', reference: 'B'}]}", False),
    ("targets: [{dsn: dbname=x}]\nchanges: {freezes: [{name: a, from: '2026-12-24', until: '2026-12-24'}]}", False),
    ("targets: {dsn: dbname=x}", False),
    ("listen: 10187\ntargets: [{dsn: dbname=x}]", False),
    ('targets: [{name: "a\\nb", dsn: dbname=x}]', False),
    ('targets: [{name: "a\\0b", dsn: dbname=x}]', False),
    ("targets: [{name: 'a b é', dsn: dbname=x}]", True),
    ("targets: [{dsn: dbname=x}]\nmetric_files: [own.yaml]\ncollectors: {orders: {enabled: false}}", True),
    ("targets: [{dsn: dbname=x}]\ncollectors: {orders: {enabled: false}}", False),
]


def loads(folder: Path, text: str) -> bool:
    """Whether the program takes a configuration."""
    file = folder / "exporter.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        configfile.load(file)
    except ConfigurationError:
        return False
    return True


@pytest.mark.parametrize(("text", "valid"), FILES)
def test_the_schema_takes_and_refuses_what_the_program_does(
    tmp_path: Path, text: str, valid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH", "true")
    monkeypatch.setenv("LEVEL", "debug")
    (tmp_path / "DSN").write_text("dbname=y")
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    assert validator()(reference.schema()).is_valid(yamlfile.parse(text, AS_WRITTEN).data) is valid
    assert loads(tmp_path, text) is valid


@pytest.mark.parametrize(
    ("was", "now", "valid"),
    [
        ("value: n", "value: n, labels: {region: r}", True),
        ("value: n", "value: n, labels: {target: r}", False),
        ("value: n", "value: n, labels: {__name__: r}", False),
        ("value: n", "value: n, sum: null", True),
        ("value: n", "value: n, sum: m", False),
        ("value: n", "le: n", False),
        ("value: n", "value: null", False),
        ("gauge", "counter", False),
        ("gauge", "'${KIND}'", True),
        ("shop_orders, type: gauge", "shop_orders_total, type: counter", True),
        ("shop_orders, type: gauge", "shop_orders_total, type: gauge", False),
        ("shop_orders, type: gauge", "shop_orders_count, type: gauge", False),
        ("shop_orders, type: gauge", "script_tracking_orders, type: gauge", False),
        ("shop_orders, type: gauge", "'${NAME}', type: gauge", True),
        ("type: gauge, help: Orders., value: n", "type: histogram, help: Orders., le: n, bucket: m, sum: o", True),
        ("type: gauge, help: Orders., value: n", "type: histogram, help: Orders., le: n, bucket: m", False),
        ("shop_orders, type: gauge, help: Orders., value: n", "shop_info, type: info, help: Orders.", True),
        ("shop_orders, type: gauge, help: Orders., value: n", "shop_info, type: info, help: Orders., value: n", False),
        ("shop.f", "f", False),
        ("shop.f", "pg_catalog.f", False),
        ("shop.f", "script_tracking.f", False),
        ("shop.f", "'${FUNCTION}'", True),
        ("{orders:", "{Orders:", False),
        ("{orders:", "{health:", False),
        ("function: shop.f", "function: shop.f, interval: 5m, timeout: 500ms, row_limit: 10", True),
        ("function: shop.f", "function: shop.f, interval: soon", False),
        ("function: shop.f", "function: shop.f, row_limit: 0", False),
        ("function: shop.f", "function: shop.f, intervall: 5m", False),
    ],
)
def test_the_schema_of_own_metrics_takes_and_refuses_what_the_program_does(
    tmp_path: Path, was: str, now: str, valid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"KIND": "gauge", "NAME": "shop_orders", "FUNCTION": "shop.f"}.items():
        monkeypatch.setenv(name, value)
    assert was in OWN
    text = OWN.replace(was, now, 1)
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    as_written = {name: f"${{{name}}}" for name in ("KIND", "NAME", "FUNCTION")}
    assert validator()(reference.metrics_schema()).is_valid(yamlfile.parse(text, as_written).data) is valid
    assert loads(tmp_path, "targets: [{dsn: dbname=x}]\nmetric_files: [own.yaml]") is valid


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    example = reference.PAGE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "billing-dsn").write_text("dbname=billing")
    file = tmp_path / "exporter.yaml"
    file.write_text(example.replace("/run/secrets/", ""), encoding="utf-8")
    assert [target.name for target in configfile.load(file).targets][:2] == ["orders", "billing"]
    validator()(reference.schema()).validate(yamlfile.parse(example, {}).data)
