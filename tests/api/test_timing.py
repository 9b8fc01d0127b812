"""What is somebody else's gets the API's answer to what is nobody's, word by word and in the same time.

By the median of 400 requests each, or of as many as TIMING_CALLS says (`make test-timing`).
"""

from __future__ import annotations

import os
import time
from statistics import median
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.fix_exporter import Answer
from tests.fix_sessions import value

REQUESTS = int(os.environ.get("TIMING_CALLS") or 400)
NOBODYS = "0" * 63 + "1"


def said(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """All of an answer but the time."""
    return answer.status, {name: text for name, text in answer.headers.items() if name != "date"}, answer.body


@pytest.mark.majors
@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/executions/{}", {}),
        ("/executions/{}/tree", {}),
        ("/executions/{}/versions", {"format": "csv"}),
        ("/objects/history", {"identity": ("public.of_rival", "public.of_nobody")}),
        ("/executions", {"tenant": ("rival", "nobody")}),
        ("/executions", {"script_name": ("load rival", "load nobody")}),
    ],
)
def test_answer_and_median_time_are_the_same(api: Api, path: str, asked: dict[str, Any]) -> None:
    """Both one after the other, the medians within a tenth; of up to three times as many, as machines go."""
    find = "select encode(execution_hk, 'hex') from script_tracking.get_execution_history(1) where script_name = %s"
    key = value(api.admin, find, "load rival")
    assert api.ask(f"/executions/{key}", "rival").status == 200

    def ask(number: int) -> Answer:
        given = {name: text if isinstance(text, str) else text[number] for name, text in asked.items()}
        return api.ask(path.format((key, NOBODYS)[number]), "acme", **given)

    assert said(ask(0)) == said(ask(1))
    ratios = []
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(3):
        for number in range(2 * REQUESTS):
            began = time.perf_counter()
            ask(number % 2)
            took[number % 2].append(time.perf_counter() - began)
        ratios.append(median(took[0]) / median(took[1]))
        print(f"{path}: {len(took[0])} requests each, {' and '.join(f'{median(each) * 1000:.3f} ms' for each in took)}")
        if 0.9 <= ratios[-1] <= 1.1:
            return
    pytest.fail(f"medians of what is somebody else's to those of what is nobody's: {ratios}")
