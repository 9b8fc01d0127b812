"""A release that takes the image along: `make test-image`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from exporter import __version__
from tests.e2e.releasing import allowed_signers, built, run, verified
from tests.e2e.test_image import IMAGE

pytestmark = pytest.mark.image


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder, and who may sign it."""
    signers = allowed_signers(tmp_path_factory.mktemp("keys"))
    folder = tmp_path_factory.mktemp("release") / "first"
    return built(folder, signers.parent / "release", IMAGE=IMAGE), signers


def file(folder: Path, suffix: str) -> Path:
    return folder / f"script-tracking-exporter-{__version__}-image{suffix}"


def test_the_bill_of_materials_names_what_is_in_the_image(release: tuple[Path, Path]) -> None:
    bill: dict[str, Any] = json.loads(file(release[0], ".cdx.json").read_text(encoding="utf-8"))
    container = bill["metadata"]["component"]
    assert (container["type"], container["version"]) == ("container", __version__)
    found = {part["purl"].partition("@")[0]: part for part in bill["components"]}
    inside = ("docker", "run", "--rm", "--entrypoint", "dpkg-query", IMAGE, "--show", "--showformat")
    assert found["pkg:deb/debian/libc6"]["version"] == run(*inside, "${Version}", "libc6").stdout
    count = len([name for name in found if name.startswith("pkg:deb/")])
    assert count == len(run(*inside, "${Package}\\n").stdout.split())
    assert found["pkg:pypi/script-tracking-exporter"]["version"] == __version__
    assert found["pkg:pypi/script-tracking-exporter"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert {"pkg:pypi/psycopg", "pkg:pypi/prometheus-client", "pkg:pypi/pyyaml", "pkg:pypi/structlog"} <= set(found)


def test_the_archive_is_the_image_and_signed(release: tuple[Path, Path], tmp_path: Path) -> None:
    folder, signers = release
    assert verified(folder, signers)
    archive = tmp_path / "image.tar"
    archive.write_bytes(gzip.decompress(file(folder, ".tar.gz").read_bytes()))
    assert IMAGE in run("docker", "load", "--input", archive).stdout
    listed = run("tar", "--extract", "--to-stdout", "--file", archive, "manifest.json").stdout
    (manifest,) = json.loads(listed)
    assert manifest["RepoTags"] == [IMAGE]
    identity = run("docker", "image", "inspect", "--format", "{{.Id}}", IMAGE).stdout.strip()
    assert Path(manifest["Config"]).name.removesuffix(".json") == identity.removeprefix("sha256:")
