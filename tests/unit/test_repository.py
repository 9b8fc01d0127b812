"""The repository itself: what a stranger's clone must not hold, and that its parts agree with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Home and work directories, whosoever; the first slash stands in brackets so that this file passes its own test.
MACHINE_PATH = re.compile(r"(?<![\w.$}-])[/](?:work|root|home|farm|Users)/[\w.-]")


def tracked() -> list[Path]:
    """Files that a clone has."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def text_of(file: Path) -> str:
    """Content, or nothing where it is not text."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for file in tracked()
        for number, line in enumerate(text_of(file).splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_path"),
    [
        ("cd {}/me/project", True),
        ("--config={}/me/x", True),
        ("https://example.org{}/page", False),
        ("$HOME{}/x", False),
    ],
)
def test_a_path_of_a_machine_is_told_from_a_url(line: str, is_path: bool) -> None:
    assert bool(MACHINE_PATH.search(line.format("/home"))) == is_path


def test_no_folder_is_empty_and_no_file_without_purpose() -> None:
    empty = [file.relative_to(ROOT) for file in tracked() if file.stat().st_size == 0]
    assert [file for file in empty if file.name != "py.typed"] == []
    assert [file for file in tracked() if file.name in (".gitkeep", ".keep", ".DS_Store")] == []


def anchor(heading: str) -> str:
    """What a heading is linked to by."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")


def anchors(file: Path) -> set[str]:
    """Those of a document."""
    text = re.sub(r"^```.*?^```", "", text_of(file), flags=re.DOTALL | re.MULTILINE)
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for file in tracked():
        if file.suffix == ".md":
            for path, fragment in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?[^)]*\)", text_of(file)):
                if "://" in path or path.startswith("mailto:"):
                    continue
                target = file.parent / path if path else file
                if not target.exists() or (fragment and fragment not in anchors(target)):
                    broken.append(f"{file.relative_to(ROOT)}: {path}#{fragment}")
    assert broken == []


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    rules = "\n".join(text_of(file) for file in tracked() if file.name.endswith(".rules.yaml"))
    alerts = set(re.findall(r"^\s*- alert: (\w+)$", rules, re.MULTILINE))
    runbooks = {file.stem for file in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README"}
    cases = {file.stem.partition(".")[0] for file in (ROOT / "deploy" / "prometheus" / "tests").glob("*.yaml")}
    assert alerts
    assert runbooks == alerts == cases


def test_make_knows_the_targets_that_the_documents_name() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {
        (target, file.relative_to(ROOT).as_posix())
        for file in tracked()
        if file.suffix == ".md"
        for target in re.findall(r"`make ([a-z-]+)", text_of(file))
    }
    assert [pair for pair in sorted(named) if pair[0] not in targets] == []


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    assert project["project"]["dynamic"] == ["version"]
    assert "version" not in project["project"]


def test_scripts_are_executable_and_end_on_failure() -> None:
    for file in tracked():
        if text_of(file).startswith("#!"):
            assert file.stat().st_mode & 0o111, f"{file} is not executable"
        if text_of(file).startswith("#!/usr/bin/env bash"):
            assert re.search(r"^set -euo pipefail$", text_of(file), re.MULTILINE), f"{file} goes on after failures"


def test_every_sqlstate_that_the_schema_raises_is_in_the_reference_and_no_other() -> None:
    raised = {
        code
        for file in tracked()
        if file.suffix == ".sql" and file.relative_to(ROOT).parts[0] == "sql"
        for code in re.findall(r"'(ST\d{3})'", text_of(file))
    }
    told = re.findall(r"^\| (ST\d{3}) \|", text_of(ROOT / "docs" / "sql.md"), re.MULTILINE)
    assert raised == set(told)
    assert len(told) == len(raised) > 5
