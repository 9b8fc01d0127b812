"""Fixture `secured`: an exporter with a web file, that is with TLS, client certificates or passwords."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
import yaml

from tests.fix_certificates import Authority, need
from tests.fix_exporter import Exporter, StartExporter

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
ALICE = {"alice": bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()}
TLS = {"cert_file": "server.crt", "key_file": "server.key"}
MUTUAL = {**TLS, "client_ca_file": "authority.crt", "client_auth_type": "RequireAndVerifyClientCert"}


@dataclass(frozen=True)
class Secured:
    """An exporter with a web file, and the folder of that."""

    exporter: Exporter
    folder: Path

    def curl(self, path: str = "/metrics", *options: str, scheme: str = "https") -> tuple[int, str]:
        """Exit code of curl, and status and body, or what it complains of."""
        url = f"{scheme}://localhost:{self.exporter.port}{path}"
        trust = ["--cacert", str(self.folder / "authority.crt"), "--ipv4", "--max-time", "60"]
        command = ["curl", "--silent", "--show-error", "--write-out", "\\n%{http_code}", *trust, *options, url]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.returncode, result.stdout if result.returncode == 0 else result.stderr

    def s_client(self, *options: str) -> str:
        """What openssl's client tells of a handshake."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.exporter.port}", *options]
        result = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=120)
        return (result.stdout + result.stderr).decode(errors="replace")

    def identity(self, name: str) -> list[str]:
        """Options of curl for a client's certificate."""
        return ["--cert", str(self.folder / f"{name}.crt"), "--key", str(self.folder / f"{name}.key")]


StartSecured = Callable[..., Secured]


@pytest.fixture
def secured(authority: Authority, exporter: StartExporter) -> StartSecured:
    """Starts an exporter with a web file: secured(**settings of that file)."""
    need("curl")
    authority.sign("server")

    def start(dsn: str = NOWHERE, **settings: object) -> Secured:
        file = authority.folder / "web.yml"
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return Secured(exporter(dsn, web={"config_file": "web.yml"}), authority.folder)

    return start
