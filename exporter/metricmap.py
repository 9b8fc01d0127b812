"""Which SQL function feeds which metric: `metrics/*.yaml`, validated into frozen specifications."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from exporter.errors import ConfigurationError
from exporter.values import Seconds
from exporter.yamlfile import LOADER

PREFIX = "script_tracking_"
OWN_FILE = "exporter.yaml"
RESERVED_SUFFIXES = ("_count", "_sum", "_bucket")
VERSION = r"^\d+\.\d+\.\d+$"


def version_of(text: str) -> tuple[int, ...]:
    """A release's number, to be compared."""
    return tuple(int(part) for part in text.split("."))


def _metric_name(name: str) -> str:
    if not re.fullmatch(PREFIX + "[a-z0-9_]+", name) or name.endswith(RESERVED_SUFFIXES):
        raise ValueError(f"expected a snake_case name that begins with {PREFIX} and has no reserved suffix")
    return name


def _function_name(name: str) -> str:
    if not re.fullmatch(r"[a-z_]+\.[a-z_]+", name):
        raise ValueError("expected schema.function")
    return name


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExemplarSpec(_Spec):
    """What stands for the others of a counter's sample, in OpenMetrics alone: labels and time by result column.

    A schema that was not upgraded yet may lack the columns.
    """

    labels: Mapping[str, str] = Field(min_length=1)
    timestamp: str


class Deprecation(_Spec):
    """That a metric goes, and what to use instead of it: docs/release.md tells the rules."""

    since: str = Field(pattern=VERSION)
    removed_in: str = Field(pattern=VERSION)
    instead: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if version_of(self.removed_in) <= version_of(self.since):
            raise ValueError("a deprecated metric stays for one release at least")
        return self


class MetricSpec(_Spec):
    """One metric family: its name, type and help, and the result columns that it is made of."""

    name: Annotated[str, AfterValidator(_metric_name)]
    type: Literal["counter", "gauge", "histogram", "info"]
    help: str
    value: str | None = None
    bucket: str | None = None
    le: str | None = None
    sum: str | None = None
    labels: Mapping[str, str] = Field(default_factory=dict)
    exemplar: ExemplarSpec | None = None
    gauges_of_others: Literal["sum", "min", "max"] | None = None
    deprecated: Deprecation | None = None

    @property
    def documentation(self) -> str:
        """Its help, after what tells that it goes."""
        if self.deprecated is None:
            return self.help
        gone = self.deprecated
        return f"Deprecated since {gone.since}, goes with {gone.removed_in}, use {gone.instead}: {self.help}"

    @property
    def others(self) -> str | None:
        """How the values of those that are not told by name make one; None where they do not, as those of ratios."""
        return "sum" if self.type in ("counter", "histogram") else self.gauges_of_others

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        self.check()
        return self

    def check(self) -> None:
        """Raises ValueError where the columns are not those of the type."""
        if (self.type == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and nothing else, end in _total")
        if (self.type == "info") != self.name.endswith("_info"):
            raise ValueError(f"{self.name}: info metrics, and nothing else, end in _info")
        wanted = {"histogram": {"bucket", "le", "sum"}, "info": set()}.get(self.type, {"value"})
        given = {field for field in ("value", "bucket", "le", "sum") if getattr(self, field) is not None}
        if given != wanted:
            raise ValueError(f"{self.name}: a {self.type} takes the columns {sorted(wanted)}, not {sorted(given)}")
        if self.exemplar is not None and self.type != "counter":
            raise ValueError(f"{self.name}: only counters have an exemplar here")
        if self.gauges_of_others is not None and self.type != "gauge":
            raise ValueError(f"{self.name}: what is no gauge is added up")
        if "target" in self.labels:
            raise ValueError(f"{self.name}: the label target is the program's own")


class CollectorSpec(_Spec):
    """One function that is called periodically, and the metrics that its rows give."""

    name: str
    function: Annotated[str, AfterValidator(_function_name)]
    interval: Seconds
    timeout: Seconds
    minimum_version: int = Field(ge=1)
    row_limit: int = Field(default=50000, ge=1)
    metrics: tuple[MetricSpec, ...] = Field(min_length=1)


def _read(file: Path) -> list[CollectorSpec]:
    try:
        data: Any = yaml.load(file.read_text(encoding="utf-8"), LOADER)
        return [CollectorSpec.model_validate({"name": name, **body}) for name, body in data["collectors"].items()]
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{file.name}: {error}") from None


@lru_cache
def load(folder: Path | None = None) -> list[CollectorSpec]:
    """Every collector. Raises ConfigurationError for a bad file or a name that stands twice."""
    folder = folder or Path(__file__).resolve().parent / "metrics"
    collectors = [spec for file in sorted(folder.glob("*.yaml")) if file.name != OWN_FILE for spec in _read(file)]
    names = [spec.name for spec in collectors] + [metric.name for spec in collectors for metric in spec.metrics]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(f"{folder.name}: {twice[0]} stands twice")
    return collectors


def load_own() -> dict[str, MetricSpec]:
    """Metrics that the exporter makes itself, by what the program calls them."""
    file = Path(__file__).resolve().parent / "metrics" / OWN_FILE
    data: Any = yaml.load(file.read_text(encoding="utf-8"), LOADER)
    return {key: MetricSpec.model_validate(body) for key, body in data["own"].items()}
