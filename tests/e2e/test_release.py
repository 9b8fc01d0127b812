"""deploy/release: one commit gives the same bytes, with a bill of materials, signed; what was changed since shows."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from exporter import __version__
from tests.e2e.releasing import ROOT, allowed_signers, built, key, run, verified

pytestmark = pytest.mark.majors


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return allowed_signers(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def release(signers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("release") / "first", signers.parent / "release")


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    """The release, to be tampered with."""
    return Path(shutil.copytree(release, tmp_path / "copy"))


def test_the_same_commit_gives_the_same_bytes(release: Path, signers: Path, tmp_path: Path) -> None:
    again = built(tmp_path / "again", signers.parent / "release")
    names = {file.name for file in release.iterdir()}
    assert names == {file.name for file in again.iterdir()}
    assert {f"script_tracking_exporter-{__version__}.tar.gz", "SHA256SUMS", "SHA256SUMS.sig"} < names
    assert {name for name in names if (release / name).read_bytes() != (again / name).read_bytes()} == set()


def test_the_bill_of_materials_has_what_the_wheel_needs(release: Path) -> None:
    (file,) = release.glob("*.cdx.json")
    bill = json.loads(file.read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "script-tracking-exporter"
    parts = {part["name"].lower(): part for part in bill["components"]}
    assert {"psycopg", "fastapi", "pydantic", "prometheus_client", "uvicorn"} <= {
        name.replace("-", "_") for name in parts
    }
    assert all(part.get("version") and part.get("purl", "pkg:").startswith("pkg:") for part in parts.values())


def test_what_was_signed_is_found_whole(release: Path, signers: Path) -> None:
    assert verified(release, signers)


@pytest.mark.parametrize("name", ["wheel", "SHA256SUMS", "SHA256SUMS.sig"])
def test_what_was_changed_is_not(copy: Path, signers: Path, name: str) -> None:
    file = next(copy.glob("*.whl")) if name == "wheel" else copy / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert not verified(copy, signers)


def test_what_was_added_or_taken_away_is_not(copy: Path, signers: Path) -> None:
    (copy / "setup.sh").write_text("echo hello", encoding="utf-8")
    assert not verified(copy, signers)
    (copy / "setup.sh").unlink()
    assert verified(copy, signers)
    next(copy.glob("*.whl")).unlink()
    assert not verified(copy, signers)


def test_what_somebody_else_signed_is_not(copy: Path, signers: Path, tmp_path: Path) -> None:
    (copy / "SHA256SUMS.sig").unlink()
    other = key(tmp_path, "other")
    command = [
        "ssh-keygen",
        "-q",
        "-Y",
        "sign",
        "-f",
        str(other),
        "-n",
        "script-tracking-exporter",
        str(copy / "SHA256SUMS"),
    ]
    assert run(*command).returncode == 0
    assert not verified(copy, signers)


def test_a_release_is_of_what_is_committed(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    assert run("git", "clone", "--quiet", "--no-hardlinks", ROOT, clone).returncode == 0
    (clone / "LICENSE").write_text("mine", encoding="utf-8")
    script = ROOT / "deploy" / "release" / "build"
    target = clone / "deploy" / "release" / "build"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(script, target)
    done = run(target, PYTHON=sys.executable, OUT=str(tmp_path / "out"))
    assert done.returncode == 1
    assert "committed" in done.stderr
    assert not (tmp_path / "out").exists()
