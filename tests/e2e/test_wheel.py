"""The wheel: what is in it, and that it runs where there is no checkout. Nothing here needs the network."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import exporter

pytestmark = pytest.mark.majors

ROOT = Path(__file__).resolve().parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "PYTHONPATH")}


def build(project: Path, folder: Path, commit: str = "") -> Path:
    """The wheel of a project, made by the build backend that is installed here."""
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*PIP, "wheel", *options, str(project)], check=True, env={**os.environ, "SOURCE_COMMIT": commit})
    (wheel,) = folder.glob("*.whl")
    return wheel


def commit_in(wheel: Path) -> str:
    """The commit that a wheel says that it was built from."""
    with ZipFile(wheel) as archive:
        return archive.read("exporter/COMMIT").decode().strip()


def names(wheel: Path) -> set[str]:
    """Files in a wheel."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), COMMIT)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Installation:
    """A virtual environment that holds the wheel, on a path with a space in it."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What the installed command says, away from the checkout."""
        command = [str(self.folder / "bin" / "script-tracking-exporter"), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("clean") / "virtual environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([*PIP, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    # the libraries are those of this interpreter; its own link to the checkout, a .pth file, is not followed from there
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(purelib, "libraries.pth").write_text("\n".join(sorted(libraries)), encoding="utf-8")
    return Installation(folder)


def test_it_holds_the_program_and_nothing_else(wheel: Path, project: dict[str, Any]) -> None:
    target = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    expected = set()
    for source, place in {**{name: name for name in target["packages"]}, **target["force-include"]}.items():
        found = [ROOT / source] if (ROOT / source).is_file() else sorted((ROOT / source).rglob("*"))
        for file in found:
            if file.is_file() and "__pycache__" not in file.parts:
                expected.add((Path(place) / file.relative_to(ROOT / source)).as_posix())
    metadata = {name for name in names(wheel) if ".dist-info/" in name}
    assert names(wheel) - metadata == {*expected, "exporter/COMMIT"}
    assert {
        "exporter/py.typed",
        "exporter/metrics/operations.yaml",
        "exporter/sql/grants.sql",
        "exporter/sql/queries/schema.sql",
        "exporter/sql/migrations/0001_create_roles_and_ledger.sql",
        "exporter/sql/code/operation/track_operation.sql",
    } <= expected
    assert {name.partition("/")[2] for name in metadata} == {
        "METADATA",
        "WHEEL",
        "RECORD",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_the_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    environment = {**os.environ, "SOURCE_COMMIT": COMMIT}
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment)
    (archive,) = tmp_path.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(tmp_path)], check=True)
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    again = build(unpacked, tmp_path / "wheel")  # where there is no repository
    assert names(again) == names(wheel)
    assert commit_in(again) == commit_in(wheel) == COMMIT


def test_a_build_in_a_repository_asks_git(tmp_path: Path) -> None:
    made = build(ROOT, tmp_path)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert commit_in(made).removesuffix("-dirty") == head.stdout.strip()


@pytest.mark.parametrize("said", ["main", "$(id)", "0123456789abcdef\nx"])
def test_what_is_no_commit_is_not_told(tmp_path: Path, said: str) -> None:
    assert "exporter/COMMIT" not in names(build(ROOT, tmp_path, said))


def test_docker_is_given_what_the_wheel_is_made_of(project: dict[str, Any]) -> None:
    target = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", "hatch_build.py", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {*target["packages"], *target["force-include"]}
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == needed


def test_the_installed_command_tells_its_version(installation: Installation) -> None:
    answer = installation.run("--version")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith(f"script-tracking-exporter {exporter.__version__} (commit {COMMIT}, python ")
    assert ", libpq " in answer.stdout


def test_the_installed_command_prints_the_same_sql_as_the_checkout(installation: Installation) -> None:
    answer = installation.run("schema", "install", "--print")
    assert (answer.returncode, answer.stderr) == (0, "")
    command = [sys.executable, "-m", "exporter", "schema", "install", "--print"]
    checkout = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "script_tracking_internal.make_event_triggers()" in answer.stdout
    assert answer.stdout == checkout.stdout


def test_the_installed_daemon_loads_and_asks_for_a_database(installation: Installation) -> None:
    answer = installation.run("run")
    assert answer.returncode == 2
    assert "DATABASE_URL" in answer.stderr
    nowhere = installation.run("collect", "--dsn", "postgresql://nobody@127.0.0.1:1/nothing")
    assert nowhere.returncode == 1
    assert "Traceback" not in nowhere.stderr
