"""Writes strict schemas of Kubernetes and the Prometheus operator into a folder, each whole, by kubeconform's names."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from cloudcoil.models.prometheus_operator import v1

# Of the package there are only the files: what it would import is not needed.
PACKAGE = importlib.util.find_spec("kubernetes_validate")
assert PACKAGE is not None and PACKAGE.submodule_search_locations
KUBERNETES = Path(PACKAGE.submodule_search_locations[0], "kubernetes-json-schema", "v1.37.0-local-strict")
SHARED, OWN = "/api/_definitions.json#/$defs/", "#/$defs/"


def used(node: Any) -> set[str]:
    """Names of the definitions that a schema refers to; the references lead into itself from now on."""
    found: set[str] = set()
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            name = reference.removeprefix(SHARED).removeprefix(OWN)
            found.add(name)
            node["$ref"] = OWN + name
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            found |= used(each)
    return found


def strict(node: Any) -> None:
    """Has each object with named properties refuse others."""
    if isinstance(node, dict):
        if "properties" in node:
            node.setdefault("additionalProperties", False)
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            strict(each)


def main(folder: Path) -> None:
    """Kubernetes' kinds by version, and the operator's."""
    folder.mkdir(parents=True, exist_ok=True)
    shared = json.loads((KUBERNETES / "_definitions.json").read_text())["$defs"]
    uses = {name: used(definition) for name, definition in shared.items()}
    for path in KUBERNETES.glob("[a-z]*-v*.json"):
        schema = json.loads(path.read_text())
        if "x-kubernetes-group-version-kind" not in schema:
            continue
        schema.pop("$id", None)  # where it is not
        wanted, definitions = used(schema), {}
        while wanted:
            name = wanted.pop()
            definitions[name] = shared[name]
            wanted |= uses[name] - definitions.keys()
        (folder / path.name).write_text(json.dumps(schema | {"$defs": definitions}))
    for model in (v1.PrometheusRule, v1.ServiceMonitor):
        schema = model.model_json_schema(by_alias=True)
        strict(schema)
        (folder / f"{model.__name__.lower()}-monitoring-v1.json").write_text(json.dumps(schema))


main(Path(sys.argv[1]))
