"""When certificates end, as openssl tells it, whatever their kind of time, key and extensions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.demo.shipped import alert_thresholds
from exporter.overview import CERTIFICATE_SECONDS, of_exporter
from exporter.web.certificate import not_after
from tests.fix_certificates import Authority, need, openssl


def told(certificate: Path) -> float:
    """When a certificate ends, by openssl."""
    words = openssl("x509", "-in", str(certificate), "-noout", "-enddate").strip().removeprefix("notAfter=")
    return datetime.strptime(words, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("days", [1, 40, 9000, 20000, 100000])
@pytest.mark.parametrize("key", [["rsa:2048"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], ["ed25519"]])
def test_the_end_is_the_one_that_openssl_tells(tmp_path: Path, days: int, key: list[str]) -> None:
    need("openssl")
    file = tmp_path / "own.crt"
    openssl(
        "req", "-x509", "-newkey", *key, "-nodes", "-days", str(days), "-subj", f"/CN={'long' * 15}",
        "-addext", "subjectAltName=" + ",".join(f"DNS:host{number}.example" for number in range(100)),
        "-keyout", str(tmp_path / "key"), "-out", str(file),
    )  # fmt: skip
    assert not_after(file.read_text()) == told(file)


def test_of_a_chain_it_is_the_first_end(authority: Authority) -> None:
    certificate, _ = authority.sign("server", days=40)
    chain = f"subject=server\n{certificate.read_text()}\n# signed by\n{authority.certificate.read_text()}"
    assert told(certificate) > told(authority.certificate)
    assert not_after(chain) == told(authority.certificate)
    assert not_after(certificate.read_text()) == told(certificate)


def test_what_is_no_certificate_has_no_end(authority: Authority) -> None:
    text = authority.certificate.read_text()
    broken = [text[:100], text.replace("MII", "AAA", 1), "", "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----"]
    lines = text.splitlines()
    broken.append("\n".join([*lines[:3], *lines[-1:]]))
    assert [not_after(one) for one in broken] == [None] * len(broken)


def test_the_page_tells_of_a_certificate_as_early_as_the_alert() -> None:
    assert alert_thresholds()["certificate_ends_in_seconds"] == CERTIFICATE_SECONDS
    now = datetime.now(UTC).timestamp()

    def states(not_after: float | None) -> list[str]:
        found = of_exporter(config_refused=False, web_refused=False, files=[], silent=[], not_after=not_after)
        return [problem.state for problem in found]

    assert states(None) == states(now + CERTIFICATE_SECONDS + 60) == []
    assert states(now + CERTIFICATE_SECONDS - 60) == ["warning"]
    assert states(now - 1) == ["critical"]
