"""Files with targets, while somebody writes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import signature
from exporter.targetconfig import FileSdConfig
from exporter.targetfiles import TargetFiles

ONE = "- {name: a, dsn: dbname=a}\n"
TWO = ONE + "- {name: b, dsn: dbname=b}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One that tells of two targets."""
    made = tmp_path / "targets.yaml"
    made.write_text(TWO, encoding="utf-8")
    return made


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], list[float]]:
    """Has something happen while whoever looks at the files waits; gives the waits."""

    def happen(what: Callable[[], object]) -> list[float]:
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            what()

        monkeypatch.setattr(time, "sleep", sleep)
        return waits

    return happen


@pytest.mark.parametrize("pattern", ["targets.yaml", "*.yaml"])
def test_a_file_that_is_written_in_place_or_removed_first_loses_no_target(
    file: Path, meanwhile: Callable[[Callable[[], object]], list[float]], pattern: str
) -> None:
    files = TargetFiles(FileSdConfig(files=(file.parent / pattern,)))
    files.look(anew=True)
    assert [target.name for target in files.targets] == ["a", "b"]
    for begin in (lambda: file.write_text(ONE + "# half", encoding="utf-8"), file.unlink):
        waits = meanwhile(lambda: file.write_text(TWO, encoding="utf-8"))
        begin()
        files.look()
        assert [target.name for target in files.targets] == ["a", "b"], "half a file may be valid"
        assert waits and files.success == {str(file): True}


def test_a_file_that_stays_away_or_is_written_without_end_is_not_waited_for_for_ever(
    file: Path, meanwhile: Callable[[Callable[[], object]], list[float]]
) -> None:
    files = TargetFiles(FileSdConfig(files=(file,)), quiet=True)
    files.look(anew=True)
    waits = meanwhile(lambda: file.write_text(ONE + "#" * len(waits), encoding="utf-8"))
    file.write_text(ONE, encoding="utf-8")
    files.look()
    assert [target.name for target in files.targets] == ["a"]
    assert len(waits) == signature.MOST_RESTS
    waits = meanwhile(lambda: None)
    file.unlink()
    for _ in range(3):
        files.look()
        assert not files.targets and files.success == {str(file): False}
    assert len(waits) == 1, "once it is known to be gone nobody waits"


def test_what_is_read_at_the_start_and_by_a_reload_is_not_waited_for(
    file: Path, meanwhile: Callable[[Callable[[], object]], list[float]]
) -> None:
    waits = meanwhile(lambda: None)
    files = TargetFiles(FileSdConfig(files=(file,)), quiet=True)
    files.look(anew=True)
    file.write_text(ONE, encoding="utf-8")
    files.look(anew=True)
    assert (waits, [target.name for target in files.targets]) == ([], ["a"])
