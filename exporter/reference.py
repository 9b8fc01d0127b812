"""Reference and JSON Schema of the configuration, made from its models.

`python -m exporter.reference` writes both, those of files with metrics of the user's own, the reference of the metrics,
and the rules of the alerts' thresholds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from exporter import alertsreference, metricmap, metricsreference, thresholdrules
from exporter.config import Config
from exporter.ownmetrics import NAME, OwnMetrics
from exporter.values import Model

FOLDER = Path(__file__).resolve().parents[1] / "docs"
SCHEMA = FOLDER / "configuration.schema.json"
METRICS_SCHEMA = FOLDER / "metrics.schema.json"
PAGE = FOLDER / "configuration.md"  # by hand, with the example
BEGIN = "<!-- made by `make reference` -->\n"
END = "<!-- end -->\n"
_ANYTHING = "*"  # the key that the user names
_KINDS: dict[str, str] = {
    "string": "text",
    "boolean": "true or false",
    "integer": "number",
    "number": "number",
    "object": "mapping",
}
_FROM_ENVIRONMENT = {"type": "string", "pattern": r"\$\{"}


def schema() -> dict[str, Any]:
    """JSON Schema of a configuration file."""
    made = _open_to_environment(Config.model_json_schema())
    # the names of collectors are the exporter's, and those of the user's own files where there are any
    made |= {
        "if": {"required": ["metric_files"]},
        "then": {"properties": {"collectors": {"propertyNames": {"pattern": f"^{NAME}$"}}}},
        "else": {"properties": {"collectors": {"propertyNames": {"enum": _collectors()}}}},
    }
    return _titled("Configuration of script-tracking-exporter", made)


def metrics_schema() -> dict[str, Any]:
    """JSON Schema of a file with metrics of the user's own."""
    made = _open_to_environment(OwnMetrics.model_json_schema())
    made["properties"]["collectors"]["propertyNames"]["not"] = {"enum": _collectors()}
    return _titled("Metrics of your own for script-tracking-exporter", made)


def _collectors() -> list[str]:
    return sorted(spec.name for spec in metricmap.load())


def _titled(title: str, made: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": title}


def _open_to_environment(part: Any) -> Any:
    """What is no text in the file may be text with a ${VARIABLE} in it."""
    if isinstance(part, list):
        return [_open_to_environment(item) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") in ("boolean", "integer", "number") or "enum" in part:
        about = {key: part[key] for key in ("default", "description", "title") if key in part}
        bare = {key: value for key, value in part.items() if key not in about}
        return {"anyOf": [bare, _FROM_ENVIRONMENT], **about}
    as_they_are = ("default", "if", "propertyNames")
    made = {key: _open_to_environment(value) for key, value in part.items() if key not in as_they_are}
    return made | {key: part[key] for key in as_they_are if key in part}


def schema_text(of: Literal["configuration", "metrics"] = "configuration") -> str:
    """A schema as it is written to its file."""
    made = schema() if of == "configuration" else metrics_schema()
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def table(model: type[Model]) -> str:
    """A row for each key, in the order of the models."""
    whole = model.model_json_schema()
    rows = ["| key | type | default | what it is |", "|---|---|---|---|"]
    rows += [f"| `{key}` | {kind} | {default} | {text} |" for key, kind, default, text in _rows(whole, whole, ())]
    return "\n".join(rows) + "\n"


def _rows(part: dict[str, Any], whole: dict[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, str, str, str]]:
    for name, raw in part.get("properties", {}).items():
        inner = _resolved(raw, whole)
        key = (*at, name)
        yield ".".join(key), _kind(inner, whole), _default(name in part.get("required", ()), raw), raw["description"]
        if inner.get("type") == "array" and "items" in inner:
            inner, key = _resolved(inner["items"], whole), (*at, f"{name}[]")
        elif isinstance(inner.get("additionalProperties"), dict):
            inner, key = _resolved(inner["additionalProperties"], whole), (*key, _ANYTHING)
        if at[-1:] == ("targets[]",) and name in ("capture", "alert_thresholds"):
            continue  # the same as at the top
        yield from _rows(inner, whole, key)


def _resolved(part: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed, and of `X or null` the X."""
    others = [other for other in part.get("anyOf", ()) if other.get("type") != "null"]
    if len(others) == 1:
        return _resolved(others[0], whole)
    if "$ref" in part:
        return _resolved(whole["$defs"][part["$ref"].rpartition("/")[2]], whole)
    return part


def _kind(part: dict[str, Any], whole: dict[str, Any]) -> str:
    if "enum" in part:
        *others, last = map(str, part["enum"])
        return f"{', '.join(others)} or {last}"
    if "anyOf" in part:
        return str(part["title"])  # duration, size
    if part["type"] == "array":
        item = _resolved(part["items"], whole)
        return "list of mappings" if "properties" in item else f"list of {_kind(item, whole)}s"
    if part["type"] == "string" and part.get("format") == "path":
        return "path"
    return _KINDS[str(part["type"])]


def _default(required: bool, part: dict[str, Any]) -> str:
    if required:
        return "required"
    default = part.get("default")
    if default is None or isinstance(default, dict) or default in ("", []):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    part = next((other for other in part.get("anyOf", ()) if "pattern" in other), part)
    if "MiB" in part.get("pattern", ""):
        unit, name = (1024**3, "GiB") if default % 1024**3 == 0 else (1024**2, "MiB")
        return f"{default // unit}{name}"
    if "s|m|h|d" in part.get("pattern", ""):
        seconds, letter = next(
            (each for each in ((86400, "d"), (3600, "h"), (60, "m")) if default % each[0] == 0), (1, "s")
        )
        return f"{default / seconds:g}{letter}"
    if "ms|s" in part.get("pattern", ""):
        return f"{default:g}s"
    return ", ".join(map(str, default)) if isinstance(default, list) else str(default)


def page(text: str, made: str) -> str:
    """A page with the table that it holds made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


def pages() -> dict[Path, str]:
    """Pages of which a table is made, as they are to be."""
    tables = {FOLDER / "configuration-keys.md": table(Config), FOLDER / "own-metrics.md": table(OwnMetrics)}
    tables[alertsreference.PAGE] = alertsreference.table()
    return {file: page(file.read_text(encoding="utf-8"), made) for file, made in tables.items()}


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    METRICS_SCHEMA.write_text(schema_text("metrics"), encoding="utf-8")
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
    metricsreference.PAGE.write_text(metricsreference.text(), encoding="utf-8")
    thresholdrules.FILE.write_text(
        thresholdrules.text(thresholdrules.FILE.read_text(encoding="utf-8")), encoding="utf-8"
    )
