"""Clients that misbehave do not keep one that scrapes from its answer; `make disturbance` measures by how much."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.disturbance.measure import SCENES, measure
from tests.fix_certificates import need

SCRAPES = 10
MILLISECONDS = 3000.0  # nothing is measured here, where other tests run beside: who is kept waiting waits for seconds


@pytest.mark.majors
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_scrape_is_answered_beside_clients_of_every_kind(tmp_path: Path, tls: bool) -> None:
    need("openssl")
    scenes = [scene for scene in SCENES if scene not in ("nobody else", "8 slow readers")]
    rows = list(measure(tmp_path, SCRAPES, tls=tls, scenes=scenes))
    assert len(rows) == 2 * len(scenes)
    assert {row.scene: row.p50 for row in rows if row.p50 > MILLISECONDS} == {}
