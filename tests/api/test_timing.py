"""What is somebody else's gets the API's answer to what is nobody's, word by word and in the same time.

By the median of 400 requests each, or of as many as TIMING_CALLS says (`make test-timing`).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.conftest import Api
from tests.fix_exporter import Answer
from tests.fix_sessions import value

REQUESTS = int(os.environ.get("TIMING_CALLS") or 400)
NOBODYS = "0" * 63 + "1"


def said(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """All of an answer but the time."""
    return answer.status, {name: text for name, text in answer.headers.items() if name != "date"}, answer.body


@contextmanager
def kept_alive(api: Api) -> Iterator[HTTPConnection]:
    """One connection for all requests: what each of its own would take is no part of what is compared."""
    connection = HTTPConnection("127.0.0.1", api.exporter.port, timeout=60)
    try:
        connection.connect()
        yield connection
    finally:
        connection.close()


def answered(connection: HTTPConnection, address: str, token: str) -> float:
    """Seconds from the request to the last byte of its answer, read but not looked at."""
    began = time.perf_counter()
    connection.request("GET", address, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    response.read()
    took = time.perf_counter() - began
    assert not response.will_close  # else the next one is measured with its connection
    return took


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

    given = [{name: text if isinstance(text, str) else text[which] for name, text in asked.items()} for which in (0, 1)]
    paths = [path.format(each) for each in (key, NOBODYS)]
    assert said(api.ask(paths[0], "acme", **given[0])) == said(api.ask(paths[1], "acme", **given[1]))
    addresses = [f"/api/v1{paths[which]}?{urlencode(given[which])}" for which in (0, 1)]
    ratios = []
    took: tuple[list[float], list[float]] = ([], [])
    with kept_alive(api) as connection:
        for _ in range(3):
            for _ in range(REQUESTS):
                for which in random.sample((0, 1), 2):  # always in turn, the processor's turns could befall one alone
                    took[which].append(answered(connection, addresses[which], api.tokens["acme"]))
            ratios.append(median(took[0]) / median(took[1]))
            medians = " and ".join(f"{median(each) * 1000:.3f} ms" for each in took)
            print(f"{path}: {len(took[0])} requests each, {medians}")
            if 0.9 <= ratios[-1] <= 1.1:
                return
    pytest.fail(f"medians of what is somebody else's to those of what is nobody's: {ratios}")
