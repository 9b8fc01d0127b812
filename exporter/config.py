"""Configuration: frozen models of what a file may say. exporter.configfile reads one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from exporter.dsn import Dsn, read_secret
from exporter.errors import ConfigurationError

DEFAULT_LISTEN = "127.0.0.1:10187"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SIZE = re.compile(r"(\d+)(MiB|GiB|TiB)")
_UNIT_BYTES = {"MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LEAST_BYTES, _MOST_BYTES = 16 * 1024**2, 2**50
_MOST_SECONDS = 86400


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


def _in_a_day(seconds: float) -> float:
    if not 0 < seconds <= _MOST_SECONDS:
        raise ValueError("expected a duration of more than 0 and at most 24h")
    return seconds


def _in_reason(size: int) -> int:
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise ValueError("expected a size of at least 16MiB and at most 1024TiB")
    return size


def _parsed(value: object) -> object:
    if isinstance(value, str):
        try:
            return Dsn(value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
    return value


def _read(path: Path) -> str:
    try:
        return read_secret(path)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


def _below_the_file(path: Path, info: ValidationInfo) -> Path:
    """A path of the configuration is relative to the folder of the file that names it."""
    return Path((info.context or {}).get("folder", ""), path.expanduser())


def _known_collector(name: str, info: ValidationInfo) -> str:
    known: Callable[[], Iterable[str]] | None = (info.context or {}).get("collectors")
    if known is not None and name not in known():
        raise ValueError("unknown collector")
    return name


Bytes = Annotated[
    int,
    BeforeValidator(_bytes),
    AfterValidator(_in_reason),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_SIZE.pattern}$"},
                {"type": "integer", "minimum": _LEAST_BYTES, "maximum": _MOST_BYTES},
            ],
            "title": "size",
        }
    ),
]
Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    AfterValidator(_in_a_day),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": _MOST_SECONDS},
            ],
            "title": "duration",
        }
    ),
]
# writeOnly is JSON Schema's word for what is never shown
SecretDsn = Annotated[Dsn, BeforeValidator(_parsed), WithJsonSchema({"type": "string", "writeOnly": True})]
File = Annotated[Path, AfterValidator(_below_the_file)]
CollectorName = Annotated[str, AfterValidator(_known_collector)]
SchemaMode = Literal["auto", "check", "off"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)


class LogConfig(_Model):
    """How the log is written."""

    format: Literal["console", "json"] = Field(default="console", description="for people, or a JSON object a line")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is written")


class WebConfig(_Model):
    """What is served over HTTP, and to whom."""

    enable_lifecycle: bool = Field(
        default=False, description="`POST /-/reload` reads the configuration anew, as SIGHUP does"
    )
    config_file: File | None = Field(
        default=None,
        description="TLS, client certificates and passwords, in the format of Prometheus exporters' web.config.yml",
    )


class CollectorConfig(_Model):
    """What differs for one collector; None keeps what the metric map says."""

    enabled: bool = Field(default=True, description="false: the collector is not run, and its metrics do not exist")
    interval: Seconds | None = Field(default=None, description="time between two runs; by default its own")
    timeout: Seconds | None = Field(default=None, description="longest run; by default its own")


class CaptureConfig(_Model):
    """How DDL that fails, is rolled back or goes round the event triggers is captured: whether by a replication slot,
    and what that may hold back; how soon a change of the catalog that no record accounts for is reported."""

    slot: Literal["auto", "off"] = Field(
        default="auto",
        description="auto: a replication slot where the server allows one; off: none, and the one that is there goes",
    )
    slot_max_bytes: Bytes = Field(
        default=1024**3, description="write-ahead log that the slot may hold back before it is dropped"
    )
    reconcile_interval: Seconds = Field(
        default=60.0, description="within which a change of the catalog that no record accounts for is reported"
    )

    @field_validator("slot", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        return "off" if value is False else value  # what writes YAML 1.1 may have made false of it


class DiscoverConfig(_Model):
    """Which databases of a server are watched."""

    include: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="names or patterns (`*`, `?`, `[a-z]`) of databases, case-sensitive"
    )
    exclude: tuple[str, ...] = Field(
        default=(), description="names or patterns of databases that are left out all the same"
    )
    interval: Seconds = Field(default=60.0, description="time between two looks at the server's databases")
    limit: int = Field(
        default=100, ge=1, le=1000, description="most databases that are watched; those beyond are counted and told of"
    )


class FileSdConfig(_Model):
    """Files with further targets."""

    files: tuple[File, ...] = Field(
        min_length=1,
        description="YAML or JSON files, or patterns such as `targets.d/*.yaml`; each a list as under `targets`",
    )
    interval: Seconds = Field(default=30.0, description="time between two looks for a change")


class TargetConfig(_Model):
    """One watched database, or all that are found on a server."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["dsn"]}, {"required": ["dsn_file"]}]},
    )

    name: str = Field(
        default="", min_length=1, max_length=200, description="the label `target`; by default host:port/database"
    )
    given_dsn: SecretDsn | None = Field(
        default=None, alias="dsn", description="a URI or a key=value list, as libpq takes it; `service=NAME` works"
    )
    dsn_file: File | None = Field(
        default=None, validate_default=True, description="a file that holds the DSN; read anew for each session"
    )
    password_file: File | None = Field(
        default=None, description="a file that holds the password of a DSN without one; read anew for each session"
    )
    auth: bool = Field(
        default=False, description="opts in to the login wrappers (docs/login.md); false takes nothing away"
    )
    capture: CaptureConfig | None = Field(
        default=None, description="for this target in place of the key `capture` at the top"
    )
    discover: DiscoverConfig | None = Field(
        default=None,
        description="watch the server's databases in place of the one that the DSN names, each as target "
        "`name/database`; `{}` for all of them",
    )
    _database: str | None = PrivateAttr(default=None)  # the one that was discovered
    _dsn: Dsn = PrivateAttr()

    @field_validator("dsn_file")
    @classmethod
    def _one_source(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if "given_dsn" in info.data and (info.data["given_dsn"] is None) == (path is None):
            raise ValueError("one of dsn and dsn_file is needed, and not both")
        if path is not None:
            _parsed(_read(path))
        return path

    @field_validator("password_file")
    @classmethod
    def _readable(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None:
            dsn, dsn_file = info.data.get("given_dsn"), info.data.get("dsn_file")
            dsn = dsn if dsn_file is None else _parsed(_read(dsn_file))
            if isinstance(dsn, Dsn) and dsn.has_password:
                raise ValueError("the DSN holds a password already")
            _read(path)
        return path

    @property
    def dsn(self) -> Dsn:
        """The DSN as it was when the configuration was read, its password included."""
        return self._dsn

    def model_post_init(self, context: Any, /) -> None:
        """Reads the secrets: what the files said is what is compared when the configuration is read anew."""
        self._dsn = self.current_dsn()
        if not self.name:
            object.__setattr__(self, "name", self._dsn.label if self.discover is None else self._dsn.server)

    def for_database(self, database: str) -> TargetConfig:
        """The target that a discovered database is. Raises ConfigurationError where a secret file is gone."""
        target = self.model_copy(update={"name": f"{self.name}/{database}", "discover": None})
        target._database = database
        target._dsn = target.current_dsn()
        return target

    def leads_where(self, other: TargetConfig) -> bool:
        """Whether it is the same target, but for what lets its role in."""
        alike = type(self).model_fields.keys() - {"given_dsn", "dsn_file", "password_file"}
        return self.dsn.place == other.dsn.place and all(getattr(self, key) == getattr(other, key) for key in alike)

    def current_dsn(self) -> Dsn:
        """The DSN as its files say now, so that a changed password needs no restart. Raises ConfigurationError."""
        dsn = self.given_dsn if self.dsn_file is None else Dsn(read_secret(self.dsn_file))
        if dsn is None:
            raise ConfigurationError("one of dsn and dsn_file is needed, and not both")
        if self.password_file is not None:
            dsn = dsn.with_(password=read_secret(self.password_file))
        return dsn if self._database is None else dsn.with_(dbname=self._database)


def _no_name_twice(targets: tuple[TargetConfig, ...]) -> tuple[TargetConfig, ...]:
    names = [target.name for target in targets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the name {twice[0]!r} stands twice")
    return targets


class TargetList(RootModel[tuple[TargetConfig, ...]]):
    """What a file of file_sd holds."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @field_validator("root")
    @classmethod
    def _names(cls, targets: tuple[TargetConfig, ...]) -> tuple[TargetConfig, ...]:
        return _no_name_twice(targets)


class Config(_Model):
    """The whole configuration."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["targets"]}, {"required": ["file_sd"]}]})

    listen: str = Field(
        default_factory=lambda: os.environ.get("SCRIPT_TRACKING_LISTEN", DEFAULT_LISTEN),
        validate_default=True,
        description=f"HOST:PORT, `[::1]:10187` for IPv6; by default the environment's SCRIPT_TRACKING_LISTEN, else "
        f"{DEFAULT_LISTEN}",
    )
    schema_mode: SchemaMode = Field(
        default="auto",
        alias="schema",
        description="auto: install and upgrade where the role may; check: say what is missing; off: neither",
    )
    log: LogConfig = Field(default=LogConfig(), description="how the log is written")
    web: WebConfig = Field(default=WebConfig(), description="what is served over HTTP")
    collectors: Mapping[CollectorName, CollectorConfig] = Field(
        default_factory=dict,
        description="by name as in exporter/metrics/*.yaml; what is not named keeps its defaults",
    )
    capture: CaptureConfig = Field(
        default=CaptureConfig(), description="of what the event triggers do not record (docs/capture.md)"
    )
    file_sd: FileSdConfig | None = Field(
        default=None, description="files with further targets, looked at again and again"
    )
    targets: tuple[TargetConfig, ...] = Field(
        default=(), validate_default=True, description="the watched databases; required unless there is file_sd"
    )

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("expected HOST:PORT")
        return listen

    @field_validator("targets")
    @classmethod
    def _names(cls, targets: tuple[TargetConfig, ...], info: ValidationInfo) -> tuple[TargetConfig, ...]:
        if not targets and info.data.get("file_sd", False) is None:
            raise ValueError("expected at least one target, here or by file_sd")
        return _no_name_twice(targets)

    @property
    def listen_host(self) -> str:
        """Address to listen on, without the brackets of an IPv6 one."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def listen_port(self) -> int:
        """TCP port to listen on; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])
