"""The recording rules of the alerts' thresholds, made from the models of the configuration."""

from __future__ import annotations

from pathlib import Path

from exporter.alertconfig import AlertThresholds, TargetThresholds

FILE = Path(__file__).resolve().parents[1] / "deploy" / "prometheus" / "rules" / "thresholds.rules.yaml"
BEGIN = "      # made by `make reference`\n"
RECORD = "script_tracking:alert_threshold"


def _rule(name: str, default: float) -> str:
    if name in TargetThresholds.model_fields:
        exported = f'max by (target) (script_tracking_alert_threshold{{threshold="{name}"}})'
        otherwise = f"group by (target) (script_tracking_up) * {default:.15g}"
    else:
        exported = f'max (script_tracking_exporter_alert_threshold{{threshold="{name}"}})'
        otherwise = f"vector({default:.15g})"
    return (
        f"      - record: {RECORD}\n"
        f"        expr: |\n"
        f"          {exported}\n"
        f"            or\n"
        f"          {otherwise}\n"
        f"        labels: {{threshold: {name}}}\n"
    )


def text(before: str) -> str:
    """The file with its rules made anew."""
    head, marker, _ = before.partition(BEGIN)
    fields = AlertThresholds.model_fields.items()
    return head + marker + "".join(_rule(name, field.default) for name, field in fields)
