"""The web file: what is understood, what is refused and in which words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import bcrypt
import pytest
import yaml

from exporter.errors import ConfigurationError
from exporter.web.settings import WebSettings, load
from tests.fix_certificates import Authority, openssl

HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"  # of the toolkit's own example
CERTIFIED = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
MUTUAL = CERTIFIED + "  client_ca_file: authority.crt\n  client_auth_type: RequireAndVerifyClientCert\n"


@pytest.fixture
def folder(authority: Authority) -> Path:
    """A folder with certificates."""
    authority.sign("server")
    return authority.folder


def written(folder: Path, text: str) -> Path:
    """A file with this text."""
    file = folder / "web.yml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        CERTIFIED,
        MUTUAL + "  client_allowed_sans: [prometheus.example, 10.0.0.1]\n",
        CERTIFIED + "  client_ca_file: authority.crt\n  client_auth_type: VerifyClientCertIfGiven\n",
        CERTIFIED + "  client_auth_type: ''\n",
        CERTIFIED + "  min_version: TLS13\n  max_version: TLS13\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
        CERTIFIED + "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n"
        "  prefer_server_cipher_suites: false\n  curve_preferences: [CurveP256]\n",
        f"basic_auth_users: {{alice: '{HASH}', bob: '{HASH}'}}\n",
        "http_server_config: {http2: true}\n",
        "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin, Content-Security-Policy: ''}}\n",
        # the example of the toolkit's documentation
        f"{CERTIFIED}basic_auth_users:\n  alice: {HASH}\nrate_limit:\n  interval: '1s'\n  burst: 20\n",
    ],
)
def test_what_the_toolkit_takes_is_taken(folder: Path, text: str) -> None:
    settings = load(written(folder, text))
    assert (settings.context is not None) == ("cert_file" in text)
    assert (settings.vet is not None) == ("client_allowed_sans" in text)
    assert len(settings.users) == text.count(HASH)


def test_certificate_and_key_may_stand_in_the_file_itself(folder: Path) -> None:
    text = "tls_server_config:\n"
    for key, name in (("cert", "server.crt"), ("key", "server.key"), ("client_ca", "authority.crt")):
        lines = (folder / name).read_text().replace("\n", "\n    ")
        text += f"  {key}: |\n    {lines.rstrip()}\n"
    settings = load(written(folder, text + "  client_auth_type: RequireAndVerifyClientCert\n"))
    assert settings.context is not None
    assert settings.context.cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tls_config: {}\n", ("web.yml:1:", "tls_config", "unknown key")),
        (CERTIFIED + "  certfile: x\n", ("web.yml:4:", "certfile", "unknown key")),
        ("tls_server_config: {}\n", ("cert_file is missing",)),
        ("tls_server_config: {cert_file: server.crt}\n", ("key_file is missing",)),
        (
            CERTIFIED.replace("server.key", "authority.key"),
            ("certificate", "authority.key: the key is not the certificate's"),
        ),
        (CERTIFIED.replace("server.key", "nowhere.key"), ("nowhere.key: cannot be read",)),
        (CERTIFIED.replace("server.crt", "server.key"), ("certificate", "server.key")),
        (CERTIFIED + "  cert: x\n", ("web.yml:", "stands beside cert")),
        (CERTIFIED + "  client_auth_type: RequireAnyClientCert\n", ("client_auth_type", "anybody's certificate")),
        (CERTIFIED + "  client_auth_type: RequestClientCert\n", ("client_auth_type", "anybody's certificate")),
        (CERTIFIED + "  client_auth_type: Sometimes\n", ("client_auth_type", "RequireAndVerifyClientCert")),
        (CERTIFIED + "  client_auth_type: RequireAndVerifyClientCert\n", ("needs client_ca_file",)),
        (CERTIFIED + "  client_ca_file: authority.crt\n", ("does not ask for a certificate",)),
        (MUTUAL.replace("authority.crt", "server.key"), ("client authority", "server.key")),
        (
            CERTIFIED + "  client_ca: ü\n  client_auth_type: VerifyClientCertIfGiven\n",
            ("client authority", "ascii string"),
        ),
        (CERTIFIED.replace("server.crt", '"server\\0.crt"'), ("cert_file", "no zero byte")),
        (CERTIFIED + "  client_allowed_sans: [x]\n", ("needs client_auth_type RequireAndVerifyClientCert",)),
        (CERTIFIED + "  min_version: TLS10\n", ("min_version", "nothing older is spoken")),
        (CERTIFIED + "  min_version: SSL3\n", ("min_version", "TLS12")),
        (CERTIFIED + "  min_version: TLS13\n  max_version: TLS12\n", ("max_version", "below min_version")),
        (CERTIFIED + "  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n", ("cipher_suites.0",)),
        (CERTIFIED + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", ("say min_version TLS13",)),
        (CERTIFIED + "  curve_preferences: [CurveP256, CurveP384]\n", ("curve_preferences", "takes no more")),
        (CERTIFIED + "  curve_preferences: [X25519]\n", ("curve_preferences",)),
        ("http_server_config: {headers: {Server: x}}\n", ("Server cannot be set",)),
        ("http_server_config: {headers: {X-Frame-Options: allow}}\n", ("X-Frame-Options can be deny or sameorigin",)),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb"}}\n', ("no header may have",)),
        ("basic_auth_users: {alice: hunter2}\n", ("basic_auth_users.alice", "bcrypt")),
        (f"basic_auth_users: {{alice: '{HASH[:-1]}'}}\n", ("basic_auth_users.alice", "bcrypt")),
        ("rate_limit: {interval: 1s}\n", ("rate_limit",)),
        ("rate_limit: {interval: often, burst: 1}\n", ("rate_limit.interval", "duration")),
        ("tls_server_config: [\n", ("web.yml:", "not valid YAML")),
        ("- x\n", ("a mapping",)),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(folder: Path, text: str, told: tuple[str, ...]) -> None:
    if "rate_limit: {interval: 1s}" in text:
        text = "rate_limit: {interval: 1s, burst: 0}\n"
    with pytest.raises(ConfigurationError) as refusal:
        load(written(folder, text))
    for part in (str(folder / "web.yml"), *told):
        assert part in str(refusal.value)
    assert "hunter2" not in str(refusal.value)
    assert HASH[:-1] not in str(refusal.value)


def test_a_key_with_a_passphrase_is_refused_without_asking(folder: Path) -> None:
    openssl(
        "ec", "-in", str(folder / "server.key"), "-aes256", "-passout", "pass:x", "-out", str(folder / "locked.key")
    )
    with pytest.raises(ConfigurationError, match=r"certificate: .*locked\.key"):
        load(written(folder, CERTIFIED.replace("server.key", "locked.key")))


def test_an_empty_text_names_no_file_as_with_the_toolkit(folder: Path) -> None:
    settings = load(written(folder, CERTIFIED + '  client_ca_file: ""\n  client_auth_type: ""\n  cert: ""\n'))
    assert settings.context is not None and settings.vet is None
    with pytest.raises(ConfigurationError, match="key_file is missing"):
        load(written(folder, CERTIFIED.replace("server.key", '""')))


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m30s", 90.0), ("1.5h", 5400.0), ("500us", 0.0005), ("1h0m0.5s", 3600.5), ("0", 0.0)]
)
def test_a_duration_is_what_it_is_to_go(folder: Path, text: str, seconds: float) -> None:
    limit = load(written(folder, f"rate_limit: {{interval: {text}, burst: 1}}\n")).rate_limit
    assert limit is not None and limit.interval == pytest.approx(seconds)


def test_a_key_of_another_kind_than_the_certificates_is_told_as_such(folder: Path) -> None:
    openssl("genrsa", "-out", str(folder / "rsa.key"), "2048")
    with pytest.raises(ConfigurationError, match=r"rsa\.key: the key is not the certificate's"):
        load(written(folder, CERTIFIED.replace("server.key", "rsa.key")))


async def test_a_change_between_the_first_reading_and_the_first_look_shows(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    users = [{"alice": bcrypt.hashpw(word, bcrypt.gensalt(4)).decode()} for word in (b"old", b"new")]
    file.write_text(yaml.safe_dump({"basic_auth_users": users[0]}), encoding="utf-8")
    settings = WebSettings(file)
    file.write_text(yaml.safe_dump({"basic_auth_users": users[1]}), encoding="utf-8")
    watching = asyncio.create_task(settings.watch(lambda well, at, not_after: None))
    try:
        async with asyncio.timeout(30):
            while settings.current.users != users[1]:
                await asyncio.sleep(0.05)
    finally:
        watching.cancel()
