"""Models of /probe: which databases may be asked, with which credentials, and what of them is told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field

from exporter.dsnsource import DsnSource
from exporter.targetconfig import TargetConfig
from exporter.values import CollectorName, Model, Seconds, SecretDsn

DEFAULT_PORT = "5432"
_PLACE = re.compile(
    r"(?:([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)|\[([0-9A-Fa-f:.]+)\])(?::(\d{1,5}))?/([^/?#@=\\'\s\x00-\x1f\x7f-\x9f]{1,63})"
)
_ADDRESS = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::(\d{1,5}|\*))?")
_HOST = re.compile(r"[A-Za-z0-9._*?\[\]!-]+(?::(?:\d{1,5}|\*))?")


def place_of(target: str) -> tuple[str, str, str] | None:
    """Host, port and database of host[:port]/database; None for anything else, such as a DSN."""
    match = _PLACE.fullmatch(target)
    if match is None or int(match[3] or DEFAULT_PORT) not in range(1, 65536):
        return None
    host = match[1].lower() if match[1] else _address(match[2])
    return None if host is None else (host, match[3] or DEFAULT_PORT, match[4])


def _address(text: str) -> str | None:
    """An IPv6 address in its usual form; None where it is none."""
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def _host_pattern(pattern: str) -> str:
    address = _ADDRESS.fullmatch(pattern)
    if address is not None and (host := _address(address[1])) is not None:
        return f"[[]{host}]:{address[2] or DEFAULT_PORT}"
    if not _HOST.fullmatch(pattern):
        raise ValueError("expected a host or a pattern, such as db1.example, *.db.example or db1.example:6432")
    return pattern.lower() if ":" in pattern else f"{pattern.lower()}:{DEFAULT_PORT}"


class ProbeModule(DsnSource):
    """What `module=NAME` stands for."""

    given_dsn: SecretDsn | None = Field(
        default=None,
        alias="dsn",
        description="role, TLS and so on; host, port and database are those that are asked for",
    )
    hosts: tuple[Annotated[str, AfterValidator(_host_pattern)], ...] = Field(
        min_length=1,
        description="hosts or patterns (`*.db.example`, `[2001:db8::1]`) that may be asked, on port 5432, or on "
        "`host:port`, `host:*`",
    )
    databases: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="names or patterns of databases that may be asked, case-sensitive"
    )
    collectors: tuple[CollectorName, ...] = Field(default=(), description="the collectors that are run; without it all")
    timeout: Seconds = Field(
        default=10.0, description="longest probe; a scrape's own timeout, where shorter, goes before"
    )

    def allows(self, host: str, port: str, database: str) -> bool:
        """Whether a database may be asked."""
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"  # else `a:*` would be for all of [a:...]
        return any(fnmatchcase(place, pattern) for pattern in self.hosts) and any(
            fnmatchcase(database, pattern) for pattern in self.databases
        )

    def target(self, name: str, host: str, port: str, database: str) -> TargetConfig:
        """The database as a target. Raises ConfigurationError where a secret file is gone."""
        # an empty hostaddr: neither the module's nor that of the environment leads elsewhere
        dsn = self.current_dsn().with_(host=host, hostaddr="", port=port, dbname=database)
        return TargetConfig.model_validate({"name": name, "dsn": dsn})


class ProbeConfig(Model):
    """What `/probe?target=HOST[:PORT]/DATABASE&module=NAME` answers; nothing without modules."""

    modules: Mapping[str, ProbeModule] = Field(
        default_factory=dict, description="by the name that `module=` has; without any there is no `/probe`"
    )
    concurrency: int = Field(default=10, ge=1, le=1000, description="most probes at a time; more are refused (503)")
