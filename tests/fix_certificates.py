"""Fixture `certificates`: an authority, and what it has signed, made by openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


def openssl(*arguments: str, stdin: str | None = None) -> str:
    """Output of an openssl command; it must succeed."""
    result = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@dataclass(frozen=True)
class Authority:
    """Signs certificates into a folder."""

    folder: Path
    name: str = "authority"

    @property
    def certificate(self) -> Path:
        """Its own certificate."""
        return self.folder / f"{self.name}.crt"

    def found(self) -> Authority:
        """Makes its key and certificate."""
        key = self.folder / f"{self.name}.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={self.name}", "-keyout", str(key), "-out", str(self.certificate),
        )  # fmt: skip
        return self

    def sign(self, name: str, alternatives: str = "DNS:localhost,IP:127.0.0.1", *, days: int = 2) -> tuple[Path, Path]:
        """Certificate and key of this name, good for so many days from now."""
        certificate, key, request = (self.folder / f"{name}.{kind}" for kind in ("crt", "key", "csr"))
        made = [path.with_suffix(path.suffix + ".new") for path in (certificate, key)]
        openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={alternatives}", "-keyout", str(made[1]), "-out", str(request),
        )  # fmt: skip
        openssl(
            "x509", "-req", "-in", str(request), "-days", str(days), "-copy_extensions", "copy", "-CAcreateserial",
            "-CA", str(self.certificate), "-CAkey", str(self.folder / f"{self.name}.key"), "-out", str(made[0]),
        )  # fmt: skip
        for new, path in zip(made, (certificate, key), strict=True):  # who looks at them finds both of them whole
            new.replace(path)
        return certificate, key


def need(*programs: str) -> None:
    """Skips the test, naming what is missing, where one of the programs is not there."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not on the PATH: {', '.join(missing)} (Debian: apt-get install {' '.join(missing)})")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of this test's own."""
    need("openssl")
    return Authority(tmp_path).found()
