"""Grafana's provisioning: the keys are those that Grafana reads, and fit the dashboards and deploy/compose.yaml.

Grafana's server is not to be had where the tests run. The keys are those of its documentation, "Provision Grafana".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROVISIONING = ROOT / "grafana" / "provisioning"
DASHBOARDS = ROOT / "grafana" / "dashboards"
PROMETHEUS, POSTGRES = "prometheus", "grafana-postgresql-datasource"
ALIASES = {"postgres": POSTGRES}  # of the plugin, after which the dashboard-linter wants the variable named


def strict(required: list[str], **properties: Any) -> dict[str, Any]:
    """A schema of an object with these keys and no others."""
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


TEXT, TRUTH, NUMBER = {"type": "string", "minLength": 1}, {"type": "boolean"}, {"type": "integer", "minimum": 1}
PROMETHEUS_OPTIONS = strict(
    ["httpMethod", "timeInterval"],
    httpMethod={"enum": ["GET", "POST"]}, prometheusType={"enum": ["Prometheus", "Mimir", "Thanos", "Cortex"]},
    prometheusVersion=TEXT, timeInterval={"pattern": r"^\d+[sm]$"}, cacheLevel=TEXT, incrementalQuerying=TRUTH,
)  # fmt: skip
POSTGRES_OPTIONS = strict(
    ["database", "sslmode"],
    database=TEXT, sslmode=TEXT, postgresVersion=NUMBER, timescaledb=TRUTH, maxOpenConns=NUMBER, maxIdleConns=NUMBER,
    maxIdleConnsAuto=TRUTH, connMaxLifetime=NUMBER, tlsConfigurationMethod=TEXT, sslRootCertFile=TEXT,
)  # fmt: skip
DATASOURCE = strict(
    ["name", "uid", "type", "access", "url", "editable", "jsonData"],
    name=TEXT, uid={"type": "string", "pattern": "^[a-zA-Z0-9-]{1,40}$"}, type={"enum": [PROMETHEUS, POSTGRES]},
    access={"const": "proxy"}, orgId=NUMBER, url=TEXT, user=TEXT, isDefault=TRUTH, editable={"const": False},
    jsonData={"type": "object"}, secureJsonData=strict(["password"], password=TEXT),
)  # fmt: skip
DATASOURCE["allOf"] = [
    {
        "if": {"properties": {"type": {"const": kind}}},
        "then": {"properties": {"jsonData": options}, "required": required},
    }
    for kind, options, required in (
        (PROMETHEUS, PROMETHEUS_OPTIONS, []),
        (POSTGRES, POSTGRES_OPTIONS, ["user", "secureJsonData"]),
    )
]
DATASOURCES = strict(
    ["apiVersion", "datasources"],
    apiVersion={"const": 1}, prune=TRUTH, datasources={"type": "array", "minItems": 1, "items": DATASOURCE},
)  # fmt: skip
PROVIDER = strict(
    ["name", "type", "options"],
    name=TEXT, orgId=NUMBER, folder=TEXT, folderUid=TEXT, type={"const": "file"}, disableDeletion=TRUTH,
    allowUiUpdates={"const": False}, updateIntervalSeconds={"type": "integer", "minimum": 11},
    options=strict(["path"], path=TEXT, foldersFromFilesStructure=TRUTH),
)  # fmt: skip
PROVIDERS = strict(
    ["apiVersion", "providers"],
    apiVersion={"const": 1}, providers={"type": "array", "minItems": 1, "items": PROVIDER},
)  # fmt: skip


def load(kind: str) -> dict[str, Any]:
    """The only file of a kind."""
    (file,) = (PROVISIONING / kind).glob("*.yaml")
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def validate(kind: str, schema: dict[str, Any]) -> None:
    """Holds the file of a kind to a schema."""
    from jsonschema import Draft202012Validator  # takes seconds to import, for its checkers of formats

    Draft202012Validator(schema).validate(load(kind))


def grafana() -> dict[str, Any]:
    """The service of deploy/compose.yaml."""
    service: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))[
        "services"
    ]["grafana"]
    return service


def references(node: Any) -> Iterator[dict[str, Any]]:
    """Every reference to a data source within a dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("datasource"), dict):
            yield node["datasource"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from references(part)


def test_data_sources_have_the_keys_that_grafana_reads_and_no_others() -> None:
    validate("datasources", DATASOURCES)


def test_providers_have_the_keys_that_grafana_reads_and_no_others() -> None:
    validate("dashboards", PROVIDERS)


def test_a_password_comes_from_a_file() -> None:
    for source in load("datasources")["datasources"]:
        for secret in source.get("secureJsonData", {}).values():
            assert re.fullmatch(r"\$__file\{\$\{\w+\}\}", secret)


def test_one_data_source_is_the_default_and_the_dashboards_ask_for_none_that_is_not_there() -> None:
    sources = load("datasources")["datasources"]
    assert [source["type"] for source in sources if source.get("isDefault")] == [PROMETHEUS]
    provisioned = {(source["type"], source["uid"]) for source in sources}
    kinds = {source["type"] for source in sources}
    asked = 0
    for file in DASHBOARDS.glob("*.json"):
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        chosen = {
            variable["name"]: ALIASES.get(variable["query"], variable["query"])
            for variable in dashboard["templating"]["list"]
            if variable["type"] == "datasource"
        }
        assert set(chosen.values()) <= kinds, file.name
        for reference in references(dashboard):
            if reference.get("type") in ("datasource", "grafana") or "uid" not in reference:
                continue  # Grafana's own
            asked += 1
            variable = re.fullmatch(r"\$\{(\w+)\}", reference["uid"])
            if variable:
                assert variable[1] in chosen, f"{file.name}: {reference}"
                assert chosen[variable[1]] == reference["type"], f"{file.name}: {reference}"
            else:
                assert (reference["type"], reference["uid"]) in provisioned, f"{file.name}: {reference}"
    assert asked


def test_compose_sets_every_variable_and_mounts_what_the_files_name() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in PROVISIONING.rglob("*.yaml"))
    service = grafana()
    environment = service["environment"]
    variables = set(re.findall(r"\$\{(\w+)\}", text))
    assert variables == {name for name in environment if name.startswith("SCRIPT_TRACKING_")}
    mounts = dict(mount.split(":")[:2][::-1] for mount in service["volumes"])
    assert mounts["/etc/grafana/provisioning"] == "../grafana/provisioning"
    assert mounts[environment["SCRIPT_TRACKING_DASHBOARDS"]] == "../grafana/dashboards"
    secret = environment["SCRIPT_TRACKING_POSTGRES_PASSWORD_FILE"].removeprefix("/run/secrets/")
    assert secret in service["secrets"]
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == environment["SCRIPT_TRACKING_DASHBOARDS"]
    assert (DASHBOARDS / home.name).is_file()
