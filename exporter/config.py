"""Configuration: a YAML file or a DSN alone, validated into frozen models."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from exporter.dsn import Dsn, read_secret
from exporter.dsn import resolve as resolve_dsn
from exporter.errors import ConfigurationError

DEFAULT_LISTEN = "127.0.0.1:10187"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SIZE = re.compile(r"(\d+)(MiB|GiB|TiB)")
_UNIT_BYTES = {"MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError("expected a duration such as 500ms, 15s, 5m or 1h")
        return float(match[1]) * _UNIT_SECONDS[match[2]]
    return value


def _bytes(value: object) -> object:
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            raise ValueError("expected a size such as 512MiB or 2GiB")
        return int(match[1]) * _UNIT_BYTES[match[2]]
    return value


Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=16 * 1024**2, le=2**50)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=86400)]
SchemaMode = Literal["auto", "check", "off"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)


class LogConfig(_Model):
    """How the log is written."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class CollectorConfig(_Model):
    """What differs for one collector; None keeps what the metric map says."""

    enabled: bool = True
    interval: Seconds | None = None
    timeout: Seconds | None = None


class CaptureConfig(_Model):
    """How DDL that fails, is rolled back or goes round the event triggers is captured: whether by a replication slot,
    and what that may hold back; how soon a change of the catalog that no record accounts for is reported."""

    slot: Literal["auto", "off"] = "auto"
    slot_max_bytes: Bytes = 1024**3
    reconcile_interval: Seconds = 60.0

    @field_validator("slot", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        return "off" if value is False else value  # YAML 1.1 reads a bare off as false


class TargetConfig(_Model):
    """One watched database."""

    name: str = ""
    dsn: Dsn
    dsn_file: Path | None = None
    auth: bool = False  # opts in to the login wrappers; false takes nothing away
    capture: CaptureConfig | None = None  # None: as for all targets

    @model_validator(mode="before")
    @classmethod
    def _read_secret(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        values = dict(data)
        if ("dsn" in values) == ("dsn_file" in values):
            raise ValueError("expected exactly one of dsn and dsn_file")
        if "dsn_file" in values:
            values["dsn"] = read_secret(Path(str(values["dsn_file"])))
        if isinstance(values["dsn"], str):
            try:
                values["dsn"] = Dsn(values["dsn"])
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
        values.setdefault("name", values["dsn"].label if isinstance(values["dsn"], Dsn) else "")
        return values

    def current_dsn(self) -> Dsn:
        """The DSN as its file says now, so that a changed password needs no restart. Raises ConfigurationError."""
        return self.dsn if self.dsn_file is None else Dsn(read_secret(self.dsn_file))


class Config(_Model):
    """The whole configuration."""

    listen: str = Field(default_factory=lambda: os.environ.get("SCRIPT_TRACKING_LISTEN", DEFAULT_LISTEN))
    schema_mode: SchemaMode = Field(default="auto", alias="schema")
    log: LogConfig = LogConfig()
    collectors: Mapping[str, CollectorConfig] = Field(default_factory=dict)
    capture: CaptureConfig = CaptureConfig()
    targets: tuple[TargetConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Config:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("listen: expected HOST:PORT")
        names = [target.name for target in self.targets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"targets: the name {twice[0]!r} stands twice")
        return self

    @property
    def listen_host(self) -> str:
        """Address to listen on, without the brackets of an IPv6 one."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def listen_port(self) -> int:
        """TCP port to listen on; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])


def _explain(error: ValidationError, source: str) -> ConfigurationError:
    problems = []
    for detail in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in detail["loc"]) or "(top level)"
        problems.append(f"{source}: {key}: {detail['msg'].removeprefix('Value error, ')}")
    return ConfigurationError("\n".join(problems))


def load(path: Path) -> Config:
    """Reads a YAML file. Raises ConfigurationError naming the file, the key and what was expected, never a value."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigurationError(f"{path}{line}: not valid YAML") from None
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path}: expected a mapping with the key targets")
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise _explain(error, str(path)) from None


def _single(target: Mapping[str, Any]) -> Config:
    """Configuration of one target and the defaults, the target as in a file."""
    try:
        return Config.model_validate({"targets": [target]})
    except ValidationError as error:
        raise _explain(error, "command line") from None


def from_dsn(dsn: Dsn) -> Config:
    """Configuration of one target and the defaults."""
    return _single({"dsn": dsn})


def resolve(config: Path | None, dsn: str | None, dsn_file: Path | None) -> Config:
    """Configuration from the one source that was named, else from DATABASE_URL. Raises ConfigurationError."""
    if config is not None and (dsn is not None or dsn_file is not None):
        raise ConfigurationError("name only one of --config, --dsn and --dsn-file")
    if config is not None:
        return load(config)
    if dsn is None and dsn_file is not None:
        return _single({"dsn_file": dsn_file})
    return from_dsn(resolve_dsn(dsn, dsn_file))
