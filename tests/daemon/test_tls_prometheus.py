"""TLS, client certificates and passwords, as Prometheus finds them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from exporter.demo import monitoring
from tests.fix_certificates import Authority, need
from tests.fix_exporter import eventually
from tests.fix_secured import ALICE, MUTUAL, TLS, StartSecured

pytestmark = pytest.mark.majors


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[dict[str, object]], str]]:
    """Starts a Prometheus with one scrape configuration; the base of its URLs."""
    need("prometheus")
    with contextlib.ExitStack() as stack:

        def start(scrape: dict[str, object]) -> str:
            file = tmp_path / "prometheus.yml"
            job = {"job_name": "exporter", "scrape_interval": "1s", **scrape}
            file.write_text(yaml.safe_dump({"scrape_configs": [job]}), encoding="utf-8")
            options = [f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
            command = ["prometheus", *options, "--enable-feature=exemplar-storage"]
            return monitoring._start(stack, command, tmp_path / "prometheus.log")

        yield start


def value(base: str, expression: str) -> float | None:
    """Value of the only sample of an expression."""
    try:
        with urlopen(f"{base}/api/v1/query?query={expression}", timeout=5) as response:
            found = json.load(response)["data"]["result"]
    except URLError:
        return None
    return float(found[0]["value"][1]) if len(found) == 1 else None


def test_prometheus_scrapes_with_certificate_and_password(
    secured: StartSecured, authority: Authority, prometheus: Callable[[dict[str, object]], str]
) -> None:
    authority.sign("prometheus", "DNS:prometheus.example")
    tls = {**MUTUAL, "client_allowed_sans": ["prometheus.example"]}
    running = secured(tls_server_config=tls, basic_auth_users=ALICE)
    scrape: dict[str, object] = {
        "scheme": "https",
        "static_configs": [{"targets": [f"localhost:{running.exporter.port}"]}],
        "basic_auth": {"username": "alice", "password": "secret"},
        "tls_config": {
            "ca_file": str(authority.certificate),
            "cert_file": str(authority.folder / "prometheus.crt"),
            "key_file": str(authority.folder / "prometheus.key"),
        },
    }
    base = prometheus(scrape)
    eventually(lambda: value(base, "up") == 1, 30)
    eventually(lambda: value(base, "script_tracking_up") == 0, 30)
    eventually(lambda: value(base, "script_tracking_web_config_last_reload_successful") == 1, 30)
    # scrapes over the kept connection work as well: five, one after the other; on a busy machine one may take too long
    good = "min_over_time(up[6s]) and count_over_time(up[6s]) >= 5"
    eventually(lambda: value(base, quote(good)) == 1, 60)


def test_prometheus_without_the_password_finds_it_down(
    secured: StartSecured, authority: Authority, prometheus: Callable[[dict[str, object]], str]
) -> None:
    running = secured(tls_server_config=TLS, basic_auth_users=ALICE)
    base = prometheus(
        {
            "scheme": "https",
            "static_configs": [{"targets": [f"localhost:{running.exporter.port}"]}],
            "tls_config": {"ca_file": str(authority.certificate)},
        }
    )
    eventually(lambda: value(base, "up") == 0, 30)
