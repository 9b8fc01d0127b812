"""What was of a connection goes with it: nobody has to look for it, who with hundreds of targets seldom does."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from exporter.web.connection import Connection, Visitor
from tests.unit.test_server import ask, connect, serving


@pytest.fixture
def without_looks() -> Iterator[None]:
    """Python does not look for cyclic garbage."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _left() -> int:
    return sum(isinstance(one, Connection | Visitor) for one in gc.get_objects())


async def test_a_connection_that_has_ended_leaves_nothing_to_be_looked_for(without_looks: None) -> None:
    before = _left()
    async with serving() as port:
        streams = [await connect(port) for _ in range(5)]
        for each in streams:
            assert b"200" in await ask(each)
        assert _left() >= before + 10
        for _, writer in streams:
            writer.close()
        async with asyncio.timeout(60):
            while _left() > before:
                await asyncio.sleep(0.02)
