"""The alerts' thresholds, read where they live: the recording rules of deploy/prometheus/rules."""

import re
from pathlib import Path
from typing import Final

import yaml

RULES: Final = Path(__file__).parents[1] / "deploy" / "prometheus" / "rules" / "script_tracking.rules.yaml"
_CONSTANT: Final = re.compile(r"vector\((-?[0-9.]+)\)")


def alert_thresholds(path: Path = RULES) -> dict[str, float]:
    """Value of each threshold by its name, in the unit that the name ends with.

    Raises ValueError where a threshold is not a constant.
    """
    found: dict[str, float] = {}
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            if rule.get("record") != "script_tracking:alert_threshold":
                continue
            name = rule["labels"]["threshold"]
            constant = _CONSTANT.fullmatch(rule["expr"].strip())
            if constant is None:
                raise ValueError(f"threshold {name} is not a constant: {rule['expr']}")
            found[name] = float(constant[1])
    return found
