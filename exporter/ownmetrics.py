"""Metrics of the user's own: files that say which functions of theirs give them, in the form of metrics/*.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from exporter.metricmap import PREFIX, RESERVED_SUFFIXES, CollectorSpec, MetricSpec
from exporter.values import Model, Seconds

NAME = r"[a-z][a-z0-9_]*"
_NAME = re.compile(NAME)
FUNCTION = r"[a-z_][a-z0-9_$]*\.[a-z_][a-z0-9_$]*"
_FUNCTION = re.compile(FUNCTION)
LABEL = r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*"
_LABEL = re.compile(LABEL)
_TAKEN = ("target", "le", "quantile")
_VARIABLE = r"\$\{"  # of the environment: what it holds is not known to JSON Schema
_COLUMNS = ("value", "bucket", "le", "sum")


def _as_schema(types: Sequence[str], name: str, columns: Sequence[str]) -> JsonDict:
    """That metrics of these types have such names, these columns and no others."""
    own: JsonDict = {column: {"type": "string" if column in columns else "null"} for column in _COLUMNS}
    return {
        "if": {"properties": {"type": {"enum": [*types]}}},
        "then": {"required": [*columns], "properties": {"name": {"pattern": f"{name}|{_VARIABLE}"}, **own}},
    }


def _metric_name(name: str) -> str:
    if _NAME.fullmatch(name) is None or name.endswith(RESERVED_SUFFIXES):
        raise ValueError("expected a snake_case name without a reserved suffix")
    if name.startswith(PREFIX):
        raise ValueError(f"expected a name that does not begin with {PREFIX}: those are the exporter's own")
    return name


def _function_name(name: str) -> str:
    if _FUNCTION.fullmatch(name) is None:
        raise ValueError("expected schema.function, in lower case, of a function without arguments")
    if name.startswith(("pg_", "script_tracking")):
        raise ValueError("expected a function in a schema of your own")
    return name


class OwnMetric(Model):
    """One metric, and the result columns that it is made of."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                _as_schema(["counter"], "_total$", ["value"]),
                _as_schema(["gauge"], "^(?!.*_(total|info)$)", ["value"]),
                _as_schema(["histogram"], "^(?!.*_(total|info)$)", ["bucket", "le", "sum"]),
                _as_schema(["info"], "_info$", []),
            ]
        }
    )

    name: Annotated[str, AfterValidator(_metric_name)] = Field(
        description="snake_case, with a prefix of your own; `_total` for counters alone, `_info` for info metrics "
        "alone",
        json_schema_extra={"pattern": f"^(?!{PREFIX})(?!.*_(count|sum|bucket)$){NAME}$|{_VARIABLE}"},
    )
    type: Literal["counter", "gauge", "histogram", "info"] = Field(description="as Prometheus has it")
    help: str = Field(min_length=1, max_length=1000, description="what it tells, and in which unit")
    value: str | None = Field(default=None, description="the column of a counter's or gauge's value; NULL is left out")
    bucket: str | None = Field(default=None, description="of a histogram: the column that counts up to `le`")
    le: str | None = Field(default=None, description="of a histogram: the column of the bound, infinity for the last")
    sum: str | None = Field(default=None, description="of a histogram: the column of the sum")
    labels: Mapping[str, str] = Field(
        default_factory=dict,
        description="columns by label; `target` is added",
        json_schema_extra={"propertyNames": {"pattern": f"^{LABEL}$", "not": {"enum": [*_TAKEN]}}},
    )

    @field_validator("labels")
    @classmethod
    def _free(cls, labels: Mapping[str, str]) -> Mapping[str, str]:
        for label in labels:
            if _LABEL.fullmatch(label) is None:
                raise ValueError(f"{label!r} is no name of a label")
            if label in _TAKEN:
                raise ValueError(f"the label {label} is taken")
        return labels

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        self.spec()
        return self

    def spec(self) -> MetricSpec:
        """As the collectors take it. Raises ValueError for what no metric is made of."""
        made = MetricSpec.model_construct(**{key: getattr(self, key) for key in type(self).model_fields})
        made.check()
        return made


class OwnCollector(Model):
    """One function that is called again and again, and the metrics that its rows give."""

    function: Annotated[str, AfterValidator(_function_name)] = Field(
        description="schema.function without arguments, which returns rows; it is called read-only",
        json_schema_extra={"pattern": f"^(?!pg_|script_tracking){FUNCTION}$|{_VARIABLE}"},
    )
    interval: Seconds = Field(default=60.0, description="time between two runs")
    timeout: Seconds = Field(default=5.0, description="longest run: the server ends the statement then")
    row_limit: int = Field(default=5000, ge=1, le=1000000, description="most rows; with more it fails")
    metrics: tuple[OwnMetric, ...] = Field(min_length=1, description="made of its rows")


class OwnMetrics(Model):
    """A whole file."""

    collectors: Mapping[str, OwnCollector] = Field(
        min_length=1, description="by a name of your own", json_schema_extra={"propertyNames": {"pattern": f"^{NAME}$"}}
    )

    @field_validator("collectors")
    @classmethod
    def _named(cls, collectors: Mapping[str, OwnCollector]) -> Mapping[str, OwnCollector]:
        for name in collectors:
            if _NAME.fullmatch(name) is None:
                raise ValueError(f"{name!r} is no snake_case name")
        return collectors

    def specs(self) -> list[CollectorSpec]:
        """As they are run."""
        return [
            CollectorSpec.model_construct(
                name=name,
                function=one.function,
                interval=one.interval,
                timeout=one.timeout,
                minimum_version=0,
                row_limit=one.row_limit,
                metrics=tuple(metric.spec() for metric in one.metrics),
            )
            for name, one in self.collectors.items()
        ]


def family_of(metric: MetricSpec) -> str:
    """Its name without the suffix of its type: to OpenMetrics two that differ by that alone are one."""
    return metric.name.removesuffix("_total").removesuffix("_info")
