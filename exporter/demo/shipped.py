"""The only reader of the examples below deploy/: the configuration of Prometheus and of Alertmanager, and the rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.errors import ConfigurationError
from exporter.yamlfile import LOADER

Yaml = dict[str, Any]

PROMETHEUS: Final = "prometheus/prometheus.yaml"
ALERTMANAGER: Final = "alertmanager/alertmanager.yaml"

# the default of a threshold: what it is where no exporter says otherwise
_DEFAULT: Final = re.compile(
    r"or\s+(?:group by \(target\) \(script_tracking_up\) \* ([0-9.e+]+)|vector\(([0-9.e+]+)\))"
)


def root() -> Path:
    """Folder of the examples: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "deploy", package.parent / "deploy"):
        if (candidate / PROMETHEUS).is_file():
            return candidate
    raise ConfigurationError("the folder deploy/ is neither in the package nor beside it: reinstall the program")


def load(file: Path) -> Yaml:
    """A YAML file whose top is a mapping."""
    content = yaml.load(file.read_text(encoding="utf-8"), LOADER)
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file.name} is not a mapping")
    return content


def prometheus_config() -> Yaml:
    """The example configuration of Prometheus; its rule files are relative to the folder prometheus/."""
    return load(root() / PROMETHEUS)


def alertmanager_config() -> Yaml:
    """The example configuration of Alertmanager."""
    return load(root() / ALERTMANAGER)


def rule_files() -> list[Path]:
    """The rule files that the example configuration of Prometheus names."""
    folder = (root() / PROMETHEUS).parent
    return [file for pattern in prometheus_config()["rule_files"] for file in sorted(folder.glob(pattern))]


def alert_thresholds(files: list[Path] | None = None) -> dict[str, float]:
    """Default of each threshold of the alerts by its name, in the unit that the name ends with.

    Raises ConfigurationError where a threshold has none.
    """
    found: dict[str, float] = {}
    rules = (
        rule
        for file in (rule_files() if files is None else files)
        for group in load(file)["groups"]
        for rule in group["rules"]
        if rule.get("record") == "script_tracking:alert_threshold"
    )
    for rule in rules:
        name = rule["labels"]["threshold"]
        default = _DEFAULT.search(rule["expr"])
        if default is None:
            raise ConfigurationError(f"threshold {name} has no default: {rule['expr']}")
        found[name] = float(default[1] or default[2])
    return found
