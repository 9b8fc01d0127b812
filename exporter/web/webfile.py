"""The file that says who may connect and how: the format of the Prometheus exporters' web.config.yml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from exporter.values import File

SUITES: Mapping[str, str] = {  # of TLS 1.2, by Go's names, which such files have; without those that Go calls insecure
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
SUITES_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
CURVES: Mapping[str, str] = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}
HEADERS: Mapping[str, tuple[str, ...]] = {  # which a file may set, and to what where that is fixed
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("", "nosniff"),
    "X-Frame-Options": ("", "deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")  # of which Go takes several in a row
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")

_SECRET = WithJsonSchema({"type": "string", "writeOnly": True})  # JSON Schema's word for what is never shown

ClientAuthType = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
Version = Literal["TLS12", "TLS13"]


def _interval(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(f"(?:{_DURATION.pattern})+", value):
        return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(value))
    if value in (0, "0"):
        return 0.0
    raise ValueError("expected a duration such as 500ms or 1s, or 0")


def _named(value: object) -> object:
    """An empty text names no file, nor anything else."""
    return None if value == "" else value


def _suite(name: str) -> str:
    if name not in SUITES and name not in SUITES_13:
        raise ValueError(f"expected one of {', '.join(SUITES)}")
    return name


def _bcrypt(text: str) -> str:
    if _BCRYPT.fullmatch(text) is None:
        raise ValueError("expected the bcrypt hash of a password, as htpasswd -nBC 10 '' prints it")
    return text


def _verifiable(value: object) -> object:
    if value in _UNVERIFIED:
        raise ValueError(
            f"expected NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert: with {value} anybody's"
            " certificate would do, which Python's ssl does not offer"
        )
    return value or "NoClientCert"


def _supported(value: object) -> object:
    if value in ("TLS10", "TLS11"):
        raise ValueError("expected TLS12 or TLS13: nothing older is spoken")
    return value


_NamedText = Annotated[str | None, BeforeValidator(_named)]
_NamedFile = Annotated[File | None, BeforeValidator(_named)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TlsServerConfig(_Model):
    """Certificate of the server, and what is asked of the client's."""

    cert: _NamedText = Field(default=None, description="the certificate itself, in PEM form")
    key: Annotated[_NamedText, _SECRET] = Field(default=None, description="its key")
    client_ca: _NamedText = Field(default=None, description="the certificates that sign the clients'")
    cert_file: _NamedFile = None
    key_file: _NamedFile = None
    client_ca_file: _NamedFile = None
    client_auth_type: Annotated[ClientAuthType, BeforeValidator(_verifiable)] = Field(
        default="NoClientCert", validate_default=True
    )
    client_allowed_sans: tuple[str, ...] | None = None
    min_version: Annotated[Version, BeforeValidator(_supported)] = "TLS12"
    max_version: Annotated[Version, BeforeValidator(_supported)] = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_suite)], ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()

    @field_validator("cert_file", "key_file", "client_ca_file")
    @classmethod
    def _once(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        inline = str(info.field_name).removesuffix("_file")
        if path is not None and info.data.get(inline) is not None:
            raise ValueError(f"stands beside {inline}: one of them is needed, and not both")
        return path

    @field_validator("client_auth_type")
    @classmethod
    def _with_authority(cls, kind: str, info: ValidationInfo) -> str:
        has_authority = any(info.data.get(name) is not None for name in ("client_ca", "client_ca_file"))
        if has_authority and kind == "NoClientCert":
            raise ValueError("the clients' authority is given, and client_auth_type does not ask for a certificate")
        if not has_authority and kind != "NoClientCert":
            raise ValueError(f"{kind} needs client_ca_file, whose authorities alone are trusted")
        return kind

    @field_validator("client_allowed_sans")
    @classmethod
    def _of_a_certificate(cls, names: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if names is not None and info.data.get("client_auth_type") != "RequireAndVerifyClientCert":
            raise ValueError("needs client_auth_type RequireAndVerifyClientCert")
        return names

    @field_validator("max_version")
    @classmethod
    def _not_below(cls, version: str, info: ValidationInfo) -> str:
        if version < info.data.get("min_version", version):
            raise ValueError("is below min_version")
        return version

    @field_validator("cipher_suites")
    @classmethod
    def _some(cls, suites: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if suites and not SUITES.keys() & set(suites) and info.data.get("min_version") != "TLS13":
            raise ValueError("no suite of TLS 1.2 is named, and those of 1.3 are all allowed: say min_version TLS13")
        return suites

    @field_validator("curve_preferences")
    @classmethod
    def _one_curve(cls, curves: tuple[str, ...]) -> tuple[str, ...]:
        if len(curves) > 1 or not CURVES.keys() >= set(curves):
            raise ValueError(f"expected one of {', '.join(CURVES)} at most: Python's ssl takes no more")
        return curves


class HttpServerConfig(_Model):
    """Headers of every response."""

    http2: bool | None = None  # HTTP/1.1 is spoken either way, which every client takes
    headers: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("headers")
    @classmethod
    def _known(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in headers.items():
            if name not in HEADERS:
                raise ValueError(f"{name} cannot be set; only {', '.join(HEADERS)} can")
            if HEADERS[name] and value not in HEADERS[name]:
                raise ValueError(f"{name} can be {' or '.join(filter(None, HEADERS[name]))}")
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"{name} has a character that no header may have")
        return headers


class RateLimit(_Model):
    """A token bucket for all requests: one more each interval, so many at once."""

    interval: Annotated[float, BeforeValidator(_interval)] = 0.0
    burst: int = 0

    @field_validator("burst")
    @classmethod
    def _any(cls, burst: int, info: ValidationInfo) -> int:
        if info.data.get("interval") and burst < 1:
            raise ValueError("expected at least 1: nobody would be served")
        return burst


class WebFile(_Model):
    """The whole file."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Mapping[str, Annotated[str, AfterValidator(_bcrypt), _SECRET]] = Field(default_factory=dict)
    rate_limit: RateLimit = RateLimit()

    @field_validator("tls_server_config")
    @classmethod
    def _whole(cls, tls: TlsServerConfig | None) -> TlsServerConfig | None:
        for name in ("cert", "key") if tls is not None else ():
            if getattr(tls, name) is None and getattr(tls, f"{name}_file") is None:
                raise ValueError(f"{name}_file is missing")
        return tls

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that the file names."""
        tls = self.tls_server_config
        named = () if tls is None else (tls.cert_file, tls.key_file, tls.client_ca_file)
        return tuple(path for path in named if path is not None)
