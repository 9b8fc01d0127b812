"""Configuration: frozen models of what a file may say. exporter.configfile reads one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator

from exporter import logs
from exporter.alertconfig import AlertThresholds
from exporter.apiconfig import ApiConfig
from exporter.archiveconfig import ArchiveConfig
from exporter.changesconfig import ChangesConfig
from exporter.metricmap import CollectorSpec
from exporter.probeconfig import ProbeConfig
from exporter.targetconfig import CaptureConfig, FileSdConfig, TargetConfig
from exporter.values import CollectorName, File, Model, PageMode, SchemaMode, Seconds, no_name_twice, something

DEFAULT_LISTEN = "127.0.0.1:10187"


class LogConfig(Model):
    """How the log is written."""

    format: Literal["console", "json"] = Field(default="console", description="for people, or a JSON object a line")
    level: logs.Level = Field(default="info", description="the least that is written")
    levels: Mapping[logs.Module, logs.Level] = Field(
        default_factory=dict,
        description=f"by module, as the log names it, in place of `level`: {', '.join(get_args(logs.Module))}",
    )


class WebConfig(Model):
    """What is served over HTTP, and to whom."""

    enable_lifecycle: bool = Field(
        default=False, description="`POST /-/reload` reads the configuration anew, as SIGHUP does"
    )
    page: PageMode = Field(
        default="summary",
        description="the page for people at `/`: off; summary: nothing that /metrics does not tell; full: also names "
        "and messages, for those whom a password or a client certificate lets in",
    )
    config_file: File | None = Field(
        default=None,
        description="TLS, client certificates and passwords, in the format of Prometheus exporters' web.config.yml",
    )


class SessionsConfig(Model):
    """How many sessions with databases the program has."""

    limit: int = Field(
        default=1000,
        ge=2,
        le=20000,
        description="most that are open, of all targets together, which then take turns; a target has two at most, one "
        "more while the API is asked for it, and one while a partition of it is archived",
    )
    connecting: int = Field(
        default=20, ge=1, le=1000, description="most that are opened at the same time, as after the start"
    )


class CollectorConfig(Model):
    """What differs for one collector; None keeps what the metric map says."""

    enabled: bool = Field(default=True, description="false: the collector is not run, and its metrics do not exist")
    interval: Seconds | None = Field(default=None, description="time between two runs; by default its own")
    timeout: Seconds | None = Field(default=None, description="longest run; by default its own")
    row_limit: int | None = Field(
        default=None, ge=1, le=1000000, description="most rows of its function, by default its own; with more it fails"
    )


class LimitsConfig(Model):
    """How much is told at most."""

    tenants: int = Field(
        default=200,
        ge=1,
        le=100000,
        description="tenants of a database that are told by name, the first registered ones; the rest is `other`",
    )
    script_types: int = Field(
        default=100,
        ge=1,
        le=100000,
        description="types of a database that are told by name, the first recorded ones; the rest is `other`",
    )
    samples: int = Field(
        default=20000, ge=1, le=10000000, description="samples of one collector and target; the rest is dropped"
    )
    all_samples: int = Field(
        default=1000000, ge=1, le=100000000, description="samples of all together; what comes on top is dropped"
    )


class Config(Model):
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
    api: ApiConfig = Field(default=ApiConfig(), description="who may read the record over HTTP (docs/api.md)")
    collectors: Mapping[CollectorName, CollectorConfig] = Field(
        default_factory=dict,
        description="by name as in exporter/metrics/*.yaml or in a file of `metric_files`; what is not named keeps its "
        "defaults",
    )
    probe: ProbeConfig = Field(
        default=ProbeConfig(), description="which databases `/probe` asks for whoever asks it, off without modules"
    )
    metric_files: tuple[File, ...] = Field(
        default=(), description="files with metrics of your own, over functions of yours in each watched database"
    )
    limits: LimitsConfig = Field(default=LimitsConfig(), description="how much is told at most")
    capture: CaptureConfig = Field(
        default=CaptureConfig(), description="of what the event triggers do not record (docs/capture.md)"
    )
    alert_thresholds: AlertThresholds = Field(
        default=AlertThresholds(), description="where alerts begin, of all targets; what is left out keeps its default"
    )
    archive: Annotated[ArchiveConfig | None, BeforeValidator(something)] = Field(
        default=None,
        description="archives past partitions of the record before they go (docs/archive.md); without the key none",
    )
    changes: Annotated[ChangesConfig | None, BeforeValidator(something)] = Field(
        default=None,
        description="judges captured DDL by change windows and references (docs/changes.md); without the key none is",
    )
    sessions: SessionsConfig = Field(
        default=SessionsConfig(), description="how many sessions with databases the program has"
    )
    file_sd: Annotated[FileSdConfig | None, BeforeValidator(something)] = Field(
        default=None, description="files with further targets, looked at again and again"
    )
    targets: tuple[TargetConfig, ...] = Field(
        default=(), validate_default=True, description="the watched databases; required unless there is file_sd"
    )

    _own_collectors: tuple[CollectorSpec, ...] = PrivateAttr(default=())

    @property
    def own_collectors(self) -> tuple[CollectorSpec, ...]:
        """Those of metric_files."""
        return self._own_collectors

    def take_metrics(self, collectors: Sequence[CollectorSpec]) -> None:
        """Takes what metric_files say."""
        self._own_collectors = tuple(collectors)

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError("expected HOST:PORT")
        return listen

    @field_validator("targets")
    @classmethod
    def _names(cls, targets: tuple[TargetConfig, ...], info: ValidationInfo) -> tuple[TargetConfig, ...]:
        if not targets and info.data.get("file_sd", False) is None:
            raise ValueError("expected at least one target, here or by file_sd")
        no_name_twice(target.name for target in targets)
        return targets

    @property
    def listen_host(self) -> str:
        """Address to listen on, without the brackets of an IPv6 one."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def listen_port(self) -> int:
        """TCP port to listen on; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])
