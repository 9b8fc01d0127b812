"""TLS contexts, and what is asked of a client's certificate."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.errors import ConfigurationError
from exporter.logs import get_logger
from exporter.web.certificate import not_after
from exporter.web.webfile import CURVES, SUITES, TlsServerConfig

if TYPE_CHECKING:
    from exporter.web.connection import Vet

log = get_logger("web")

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
# OpenSSL's words for a key of another certificate, by the kinds of the two
_NO_PAIR = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
_VERIFICATIONS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


@contextlib.contextmanager
def _as_file(text: str | None, path: Path | None) -> Iterator[str]:
    """A path to what stands in a file or in the configuration: OpenSSL reads certificate and key from files alone."""
    if text is None:
        yield str(path)
        return
    number = os.memfd_create("inline")
    try:
        with open(number, "w", encoding="utf-8", closefd=False) as file:
            file.write(text)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def make_context(tls: TlsServerConfig) -> ssl.SSLContext:
    """The context that the configuration describes, with what its files hold now. Raises ConfigurationError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    context.set_alpn_protocols(["http/1.1"])
    suites = [SUITES[name] for name in tls.cipher_suites if name in SUITES]
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        if suites:
            context.set_ciphers(":".join(suites))
        for curve in tls.curve_preferences:
            context.set_ecdh_curve(CURVES[curve])
    except (OSError, ValueError) as error:  # OpenSSL may be built, or told by its own configuration, to do without
        raise _refused("cipher_suites, curve_preferences", error) from None
    try:
        with _as_file(tls.cert, tls.cert_file) as cert, _as_file(tls.key, tls.key_file) as key:
            context.load_cert_chain(cert, key, password=lambda: "")  # without one OpenSSL would ask the terminal
    except (OSError, ValueError) as error:
        raise _refused("certificate", error, tls.cert_file, tls.key_file) from None
    if tls.client_auth_type != "NoClientCert":
        try:
            context.load_verify_locations(tls.client_ca_file, cadata=tls.client_ca)
        except (OSError, TypeError, ValueError) as error:  # TypeError: the text is not ASCII
            raise _refused("client authority", error, tls.client_ca_file) from None
    context.verify_mode = _VERIFICATIONS[tls.client_auth_type]
    return context


def ends_at(tls: TlsServerConfig) -> float | None:
    """When the certificate that is presented ends, or one of its chain before it; None where that cannot be told."""
    try:
        text = tls.cert if tls.cert_file is None else tls.cert_file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return None if text is None else not_after(text)


def _refused(what: str, error: Exception, *paths: Path | None) -> ConfigurationError:
    """What OpenSSL finds wrong, in its words; it shows nothing of the contents."""
    named = [path for path in paths if path is not None]
    unreadable = [path for path in named if not os.access(path, os.R_OK) or not path.is_file()]
    if unreadable:
        return ConfigurationError(f"{what}: {unreadable[0]}: cannot be read")
    if getattr(error, "reason", None) in _NO_PAIR:
        return ConfigurationError(f"{what}: {', '.join(map(str, named)) or 'inline'}: the key is not the certificate's")
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    told = str(reason).lower().replace("_", " ")
    return ConfigurationError(f"{what}: {', '.join(map(str, named)) or 'inline'}: {told}")


def make_vet(tls: TlsServerConfig) -> Vet | None:
    """Lets only those in whose certificate has one of the allowed names; None where every verified one will do."""
    if tls.client_allowed_sans is None:
        return None
    allowed = frozenset(tls.client_allowed_sans)

    def vet(transport: asyncio.Transport) -> bool:
        names = _names(transport.get_extra_info("peercert") or {})
        if not names & allowed:
            log.debug("client_not_allowed", names=sorted(names))
        return bool(names & allowed)

    return vet


def _names(certificate: dict[str, Any]) -> set[str]:
    """Subject alternative names; addresses in their usual form."""
    names = set()
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == "IP Address":
            with contextlib.suppress(ValueError):
                names.add(str(ipaddress.ip_address(name.strip())))
        elif kind in ("DNS", "email", "URI"):
            names.add(name)
    return names
