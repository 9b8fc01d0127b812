"""Models of /probe: which databases may be asked, with which credentials, and what of them is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator

from exporter.dsn import Dsn
from exporter.targetconfig import TargetConfig
from exporter.values import CollectorName, File, Model, Seconds, SecretDsn, parsed, secret_in

DEFAULT_PORT = "5432"
_PLACE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::(\d{1,5}))?/([^/?#@=\\'\s\x00]{1,63})")
_HOST = re.compile(r"[A-Za-z0-9._*?\[\]!-]+(?::(?:\d{1,5}|\*))?")


def place_of(target: str) -> tuple[str, str, str] | None:
    """Host, port and database of host[:port]/database; None for anything else, such as a DSN."""
    match = _PLACE.fullmatch(target)
    return None if match is None else (match[1].lower(), match[2] or DEFAULT_PORT, match[3])


def _host_pattern(pattern: str) -> str:
    if not _HOST.fullmatch(pattern):
        raise ValueError("expected a host or a pattern, such as db1.example, *.db.example or db1.example:6432")
    return pattern.lower() if ":" in pattern else f"{pattern.lower()}:{DEFAULT_PORT}"


class ProbeModule(Model):
    """What `module=NAME` stands for."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["dsn"]}, {"required": ["dsn_file"]}]})

    hosts: tuple[Annotated[str, AfterValidator(_host_pattern)], ...] = Field(
        min_length=1,
        description="hosts or patterns (`*.db.example`) that may be asked, on port 5432, or on `host:port`, `host:*`",
    )
    databases: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="names or patterns of databases that may be asked, case-sensitive"
    )
    given_dsn: SecretDsn | None = Field(
        default=None,
        alias="dsn",
        description="role, TLS and so on; host, port and database are those that are asked for",
    )
    dsn_file: File | None = Field(
        default=None, validate_default=True, description="a file that holds that DSN; read anew for each probe"
    )
    password_file: File | None = Field(
        default=None, description="a file that holds the password of a DSN without one; read anew for each probe"
    )
    collectors: tuple[CollectorName, ...] = Field(default=(), description="the collectors that are run; without it all")
    timeout: Seconds = Field(
        default=10.0, description="longest probe; a scrape's own timeout, where shorter, goes before"
    )

    @field_validator("dsn_file")
    @classmethod
    def _one_source(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if "given_dsn" in info.data and (info.data["given_dsn"] is None) == (path is None):
            raise ValueError("one of dsn and dsn_file is needed, and not both")
        if path is not None:
            parsed(secret_in(path))
        return path

    @field_validator("password_file")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None:
            secret_in(path)
        return path

    def allows(self, host: str, port: str, database: str) -> bool:
        """Whether a database may be asked."""
        return any(fnmatchcase(f"{host}:{port}", pattern) for pattern in self.hosts) and any(
            fnmatchcase(database, pattern) for pattern in self.databases
        )

    def target(self, name: str, host: str, port: str, database: str) -> TargetConfig:
        """The database as a target. Raises ConfigurationError where a secret file is gone."""
        source = TargetConfig.model_validate(
            {
                "name": name,
                "dsn": self.given_dsn,
                "dsn_file": self.dsn_file,
                "password_file": self.password_file,
            }
        )
        # an empty hostaddr: neither the module's nor that of the environment leads elsewhere
        dsn: Dsn = source.current_dsn().with_(host=host, hostaddr="", port=port, dbname=database)
        return TargetConfig.model_validate({"name": name, "dsn": dsn})


class ProbeConfig(Model):
    """What `/probe?target=HOST[:PORT]/DATABASE&module=NAME` answers; nothing without modules."""

    modules: Mapping[str, ProbeModule] = Field(
        default_factory=dict, description="by the name that `module=` has; without any there is no `/probe`"
    )
    concurrency: int = Field(default=10, ge=1, le=1000, description="most probes at a time; more are refused (503)")
