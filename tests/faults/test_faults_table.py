"""Each fault of the table: it shows, nothing else suffers, and it passes without a restart of the exporter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fault import AGAIN, BESIDE, Fault, play
from tests.faults.scene import Scene
from tests.faults.table import CASES, shown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


class Stage:
    """The scene of the last fault, or another where that is not as it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scene: Scene | None = None
        self._count = 0

    def play(self, fault: Fault) -> None:
        """Plays one fault; a scene in which one failed is given up."""
        if self._scene is None:
            self._count += 1
            folder = self._folder / f"scene-{self._count}"
            folder.mkdir()
            self._scene = Scene(folder)
        try:
            play(self._scene, fault)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the scene."""
        scene, self._scene = self._scene, None
        if scene is not None:
            scene.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()


def test_the_page_says_of_every_fault_what_is_held() -> None:
    """`make faults WRITE=1` writes it anew; the times and the order in the log are of a run, all else is held."""
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    told = {row[0].removeprefix("| "): row[1:] for row in rows if row[0] != "| fault"}
    assert [*told] == [case.name for case in CASES]
    assert len(CASES) >= 25
    for case in CASES:
        shows, ready, log, within, recovers = told[case.name]
        assert (shows, ready) == (shown(case), str(case.ready)), case.name
        events = set(re.findall(r"`(\w+)`", log))
        assert {*case.log, *case.passes_log} <= events, case.name
        others = {event for event in events if not event.endswith(AGAIN)} - {*case.log, *case.passes_log}
        assert others <= {*case.may_log, *BESIDE}, case.name
        assert f"(held to {case.within:g} s)" in within and f"(held to {case.recovers:g} s)" in recovers, case.name


@pytest.mark.majors
@pytest.mark.parametrize("fault", [pytest.param(case, id=case.name) for case in CASES])
def test_a_fault_shows_and_passes(stage: Stage, fault: Fault) -> None:
    stage.play(fault)
