"""Models of the API's tokens: as which role of the database each of them reads, and what of it."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, ValidationInfo, WithJsonSchema, field_validator

from exporter.values import ONE_LINE, File, Model, no_name_twice, of_one_line, one_of_two, secret_in

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # what an Authorization header may hold
_LEAST_CHARACTERS = 32


def _digest(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise ValueError("not the sha256 of a token: 64 hexadecimal digits in lower case, as sha256sum prints it")
    return text


# writeOnly is JSON Schema's word for what is never shown
_Sha256 = Annotated[
    str,
    AfterValidator(_digest),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9a-f]{64}$|\$\{", "writeOnly": True}),  # or of the environment
]


class ApiToken(Model):
    """A token, and what it reads."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["token_sha256"]}, {"required": ["token_file"]}]},
    )

    name: str = Field(min_length=1, max_length=100, description="what the log calls it", json_schema_extra=ONE_LINE)
    token_sha256: _Sha256 | None = Field(
        default=None, description="the token's sha256 in hexadecimal digits; this or `token_file`"
    )
    token_file: File | None = Field(
        default=None,
        validate_default=True,
        description="a file that holds the token, 32 characters at least; read when the configuration is read",
    )
    role: str = Field(
        min_length=1,
        max_length=63,
        description="the database's role that it reads as, itself a member of script_tracking_reader or "
        "script_tracking_auditor; the exporter's role must be a member of it",
    )
    tenant: str | None = Field(
        default=None, min_length=1, max_length=200, description="the one tenant that it reads, of those of the role"
    )
    targets: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="names or patterns (`*`, `?`, `[a-z]`) of the targets that it reads"
    )
    _sha256: bytes = PrivateAttr()

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        return of_one_line(name)

    @field_validator("token_file")
    @classmethod
    def _one_source(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        one_of_two(path, info, "token_sha256", "token_file and token_sha256")
        if path is not None:
            text = secret_in(path)
            if len(text) < _LEAST_CHARACTERS or _TOKEN.fullmatch(text) is None:
                raise ValueError(
                    f"secret file {path}: expected {_LEAST_CHARACTERS} characters or more, of A-Z a-z 0-9 . _ ~ + / -"
                )
        return path

    def model_post_init(self, context: Any, /) -> None:
        """Reads the secret, and keeps no more of it than its hash."""
        if self.token_file is not None:
            self._sha256 = hashlib.sha256(secret_in(self.token_file).encode()).digest()
        else:
            self._sha256 = bytes.fromhex(self.token_sha256 or "")

    @property
    def sha256(self) -> bytes:
        """Of the token, as it was when the configuration was read."""
        return self._sha256

    def reads(self, target: str) -> bool:
        """Whether it is for this target."""
        return any(fnmatchcase(target, pattern) for pattern in self.targets)


class ApiConfig(Model):
    """Who may read the record over HTTP."""

    tokens: tuple[ApiToken, ...] = Field(default=(), description="without any, there is no API")

    @field_validator("tokens")
    @classmethod
    def _each_once(cls, tokens: tuple[ApiToken, ...]) -> tuple[ApiToken, ...]:
        no_name_twice(token.name for token in tokens)
        if len({token.sha256 for token in tokens}) < len(tokens):
            raise ValueError("two names have the same token")
        return tokens
