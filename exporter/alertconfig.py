"""Models of the alerts' thresholds. The defaults stand here alone: `make reference` writes them into the rules."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from exporter.values import Model

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MOST_SECONDS = 400 * 86400
_EXPECTED = "expected a duration such as 30s, 10m, 6h or 14d"


def _seconds(value: object) -> object:
    if isinstance(value, bool):  # which is a number to Python
        raise ValueError(_EXPECTED)
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError(_EXPECTED)
        return float(match[1]) * _UNIT_SECONDS[match[2]]
    return value


def _in_reason(seconds: float) -> float:
    if not 0 <= seconds <= _MOST_SECONDS:
        raise ValueError("expected a duration of at least 0 and at most 400d")
    return seconds


Span = Annotated[
    float,
    BeforeValidator(_seconds),
    AfterValidator(_in_reason),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
                {"type": "number", "minimum": 0, "maximum": _MOST_SECONDS},
            ],
            "title": "duration",
        }
    ),
]
Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(ge=0, le=1e15)]


class TargetThresholds(Model):
    """Where alerts about a database begin; a key that is left out has what is said at the top, or its default."""

    error_spike_failure_ratio: Share = Field(
        default=0.2, description="share of a tenant's operations of five minutes, 0 to 1, above which failures page"
    )
    error_spike_failures: Number = Field(
        default=10, description="failures of a tenant within five minutes, so many at least, without which none page"
    )
    slo_objective_ratio: Share = Field(
        default=0.99,
        description="share of a tenant's operations that is to succeed, 0 to 1; the rest is its error budget",
    )
    burn_rate_failures: Number = Field(
        default=10, description="failures of a tenant within the long window of a burn rate, so many at least"
    )
    unusual_failures: Number = Field(
        default=20, description="failures of a tenant within an hour, so many at least, if that is not usual"
    )
    unusual_failures_factor: Number = Field(
        default=3, description="times what is usual at this hour of the week that they have to exceed as well"
    )
    new_kind_failures: Number = Field(
        default=1, description="failures within 15 minutes of a kind that had none for seven days, so many at least"
    )
    running_operation_seconds: Span = Field(
        default=21600, description="time after which an operation that still runs is told of"
    )
    collections_skipped: Number = Field(
        default=150, description="turns of collectors left out within 15 minutes above which that is told"
    )
    collection_age_seconds: Span = Field(
        default=300, description="age of a collector's last success above which it is stale"
    )
    lost_records: Number = Field(default=0, description="records lost within 15 minutes above which that pages")
    partitions_ahead: Number = Field(default=1, description="partitions ahead of the current one, so many at least")
    rollup_lag_seconds: Span = Field(default=600, description="lag of the totals above which it is told")
    ddl_waiting_seconds: Span = Field(
        default=30, description="wait of a schema change for a lock above which it is told"
    )
    reconcile_intervals: Number = Field(
        default=5, description="intervals of the comparison with the catalogs after which one is missing"
    )
    slot_lag_ratio: Share = Field(
        default=0.5, description="share of what the replication slot may hold back, 0 to 1, above which it is at risk"
    )
    upkeep_age_seconds: Span = Field(default=3600, description="age of a job of upkeep above which it is missing")
    judging_age_seconds: Span = Field(
        default=600, description="age of the last success in judging DDL by change windows above which it is told"
    )
    horizon_held_seconds: Span = Field(
        default=1800, description="age of the oldest transaction that has written something above which it is told"
    )
    storage_bytes: Number = Field(
        default=107374182400,
        description="bytes that the record may take, where its database has no storage.warning_bytes",
    )
    storage_forecast_seconds: Span = Field(
        default=1209600, description="how far ahead the record's growth is carried on"
    )
    login_account_failures: Number = Field(
        default=20, description="refused logins of one e-mail within the window, so many at least"
    )
    login_address_accounts: Number = Field(
        default=20, description="e-mails that one address tried in vain within the window, so many at least"
    )
    login_tenant_failures: Number = Field(
        default=100, description="refused logins of a tenant within the window, so many at least, if that is not usual"
    )
    login_usual_factor: Number = Field(
        default=5, description="times what is usual for a tenant that its refused logins have to exceed as well"
    )
    login_unavailable: Number = Field(
        default=10, description="logins of a tenant within five minutes that fail by an error, so many at least"
    )

    def told(self) -> dict[str, float]:
        """What was said, by name; defaults are the rules' own."""
        return {name: float(getattr(self, name)) for name in type(self).model_fields if name in self.model_fields_set}


class AlertThresholds(TargetThresholds):
    """The same for all targets, and where alerts about the exporter begin."""

    certificate_ends_in_seconds: Span = Field(
        default=1209600, description="time until the exporter's certificate ends below which that is told"
    )

    event_loop_lag_seconds: Span = Field(
        default=1, description="wait of the exporter's own tasks for their turn above which that is told"
    )

    def told_of(self, target: TargetThresholds) -> dict[str, float]:
        """What was said of a target, by name."""
        told = self.told() | target.told()
        return {name: value for name, value in told.items() if name in TargetThresholds.model_fields}

    def told_of_exporter(self) -> dict[str, float]:
        """What was said of the exporter, by name."""
        return {name: value for name, value in self.told().items() if name not in TargetThresholds.model_fields}
