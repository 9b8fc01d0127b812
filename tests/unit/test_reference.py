"""Reference and JSON Schema are as the models, and the schema takes what the program takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from exporter import configfile, metricsreference, reference, yamlfile
from exporter.cli import main
from exporter.errors import ConfigurationError


def test_the_files_are_as_the_models_say() -> None:
    assert reference.SCHEMA.read_text(encoding="utf-8") == reference.schema_text(), "run make reference"
    page = reference.PAGE.read_text(encoding="utf-8")
    assert page == reference.page(page), "run make reference"
    assert metricsreference.PAGE.read_text(encoding="utf-8") == metricsreference.text(), "run make reference"


def test_every_key_is_described() -> None:
    def undescribed(part: Any) -> list[str]:
        if not isinstance(part, dict):
            return []
        own = [name for name, inner in part.get("properties", {}).items() if not inner.get("description")]
        return own + [name for inner in part.values() for name in undescribed(inner)]

    assert undescribed(reference.schema()) == []


def test_the_command_writes_the_schema_and_needs_no_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["check-config", "--schema"]) == 0
    written = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(written)
    assert written == reference.schema()


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
    ("targets: {dsn: dbname=x}", False),
    ("listen: 10187\ntargets: [{dsn: dbname=x}]", False),
]


@pytest.mark.parametrize(("text", "valid"), FILES)
def test_the_schema_takes_and_refuses_what_the_program_does(
    tmp_path: Path, text: str, valid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH", "true")
    monkeypatch.setenv("LEVEL", "debug")
    (tmp_path / "DSN").write_text("dbname=y")
    file = tmp_path / "exporter.yaml"
    file.write_text(text, encoding="utf-8")
    assert Draft202012Validator(reference.schema()).is_valid(yamlfile.parse(text, AS_WRITTEN).data) is valid
    try:
        configfile.load(file)
    except ConfigurationError:
        assert not valid
    else:
        assert valid


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    example = reference.PAGE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "billing-dsn").write_text("dbname=billing")
    file = tmp_path / "exporter.yaml"
    file.write_text(example.replace("/run/secrets/", ""), encoding="utf-8")
    assert [target.name for target in configfile.load(file).targets][:2] == ["orders", "billing"]
    Draft202012Validator(reference.schema()).validate(yamlfile.parse(example, {}).data)
