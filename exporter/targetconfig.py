"""Models of the watched databases: those that are listed, those of files, those that a server is asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, RootModel, field_validator

from exporter.alertconfig import TargetThresholds
from exporter.dsn import Dsn
from exporter.dsnsource import DsnSource
from exporter.values import ONE_LINE, Bytes, File, Model, Seconds, no_name_twice, of_one_line, something


class CaptureConfig(Model):
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


class DiscoverConfig(Model):
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


class FileSdConfig(Model):
    """Files with further targets."""

    files: tuple[File, ...] = Field(
        min_length=1,
        description="YAML or JSON files, or patterns such as `targets.d/*.yaml`; each a list as under `targets`",
    )
    interval: Seconds = Field(default=30.0, description="time between two looks for a change")


class TargetConfig(DsnSource):
    """One watched database, or all that are found on a server."""

    name: str = Field(
        default="",
        min_length=1,
        max_length=200,
        description="the label `target`; by default host:port/database",
        json_schema_extra=ONE_LINE,
    )
    auth: bool = Field(
        default=False, description="opts in to the login wrappers (docs/login.md); false takes nothing away"
    )
    capture: Annotated[CaptureConfig | None, BeforeValidator(something)] = Field(
        default=None, description="for this target in place of the key `capture` at the top"
    )
    alert_thresholds: TargetThresholds = Field(
        default=TargetThresholds(), description="for this target, key by key before those at the top"
    )
    discover: Annotated[DiscoverConfig | None, BeforeValidator(something)] = Field(
        default=None,
        description="watch the server's databases in place of the one that the DSN names, each as target "
        "`name/database`; `{}` for all of them",
    )
    _database: str | None = PrivateAttr(default=None)  # the one that was discovered
    _dsn: Dsn = PrivateAttr()

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        return of_one_line(name)

    @property
    def dsn(self) -> Dsn:
        """The DSN as it was when the configuration was read, its password included."""
        return self._dsn

    def model_post_init(self, context: Any, /) -> None:
        """Reads the secrets: what the files said is what is compared when the configuration is read anew."""
        self._dsn = self.current_dsn()
        if not self.name:
            label = self._dsn.label if self.discover is None else self._dsn.server
            try:
                object.__setattr__(self, "name", of_one_line(label))
            except ValueError:
                raise ValueError(
                    "name: missing; the DSN's host and database are of several lines, and make none"
                ) from None

    def for_database(self, database: str) -> TargetConfig:
        """The target that a discovered database is. Raises ConfigurationError where a secret file is gone."""
        target = self.model_copy(update={"name": f"{self.name}/{database}", "discover": None})
        target._database = database
        target._dsn = target.current_dsn()
        return target

    def with_thresholds_of(self, other: TargetConfig) -> TargetConfig:
        """The same, but that alerts begin where they do for another."""
        return self.model_copy(update={"alert_thresholds": other.alert_thresholds})

    def leads_where(self, other: TargetConfig) -> bool:
        """Whether it is the same target, but for what lets its role in and where alerts begin."""
        alike = type(self).model_fields.keys() - DsnSource.model_fields.keys() - {"alert_thresholds"}
        return self.dsn.place == other.dsn.place and all(getattr(self, key) == getattr(other, key) for key in alike)

    def current_dsn(self) -> Dsn:
        """The same of the database that was discovered, where that is so. Raises ConfigurationError."""
        dsn = super().current_dsn()
        return dsn if self._database is None else dsn.with_(dbname=self._database)


class TargetList(RootModel[tuple[TargetConfig, ...]]):
    """What a file of file_sd holds."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @field_validator("root")
    @classmethod
    def _names(cls, targets: tuple[TargetConfig, ...]) -> tuple[TargetConfig, ...]:
        no_name_twice(target.name for target in targets)
        return targets
