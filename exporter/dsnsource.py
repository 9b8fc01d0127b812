"""Where a DSN comes from: the configuration itself or a file, and its password perhaps from a file of its own."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from exporter.dsn import Dsn, read_secret
from exporter.errors import ConfigurationError
from exporter.values import File, Model, SecretDsn, one_of_two, parsed, secret_in


class DsnSource(Model):
    """One source, read again whenever a session is opened."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["dsn"]}, {"required": ["dsn_file"]}]})

    given_dsn: SecretDsn | None = Field(
        default=None, alias="dsn", description="a URI or a key=value list, as libpq takes it; `service=NAME` works"
    )
    dsn_file: File | None = Field(
        default=None, validate_default=True, description="a file that holds the DSN; read anew for each session"
    )
    password_file: File | None = Field(
        default=None, description="a file that holds the password of a DSN without one; read anew for each session"
    )

    @field_validator("dsn_file")
    @classmethod
    def _one_source(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        one_of_two(path, info, "given_dsn", "dsn and dsn_file")
        if path is not None:
            parsed(secret_in(path))
        return path

    @field_validator("password_file")
    @classmethod
    def _one_password(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None:
            dsn, dsn_file = info.data.get("given_dsn"), info.data.get("dsn_file")
            dsn = dsn if dsn_file is None else parsed(secret_in(dsn_file))
            if isinstance(dsn, Dsn) and dsn.has_password:
                raise ValueError("the DSN holds a password already")
            secret_in(path)
        return path

    def current_dsn(self) -> Dsn:
        """The DSN as its files say now, so that a changed password needs no restart. Raises ConfigurationError."""
        dsn = self.given_dsn if self.dsn_file is None else Dsn(read_secret(self.dsn_file))
        if dsn is None:
            raise ConfigurationError("one of dsn and dsn_file is needed, and not both")
        return dsn if self.password_file is None else dsn.with_(password=read_secret(self.password_file))
