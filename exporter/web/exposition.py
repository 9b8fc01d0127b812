"""The text of /metrics, and the same compressed: once for every text, however many scrapes ask for it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

GZIP_LEVEL = 1
GZIP_FROM_BYTES = 1024
INLINE_UP_TO_BYTES = 2 * 1024**2  # takes 5 ms; what takes longer is compressed beside the event loop

Render = Callable[[bool], bytes]


class Exposition:
    """Hands out the text in both formats, plain or compressed. `render` gives the same object while nothing changed."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._packed: dict[bool, tuple[bytes, bytes]] = {}  # by format: a text, and that text compressed
        self._locks = {False: asyncio.Lock(), True: asyncio.Lock()}

    async def body(self, *, openmetrics: bool, may_pack: bool) -> tuple[bytes, bool]:
        """The text as of now, and whether it is compressed: a short one never is."""
        text = self._render(openmetrics)
        if not may_pack or len(text) < GZIP_FROM_BYTES:
            return text, False
        async with self._locks[openmetrics]:
            known, packed = self._packed.get(openmetrics, (b"", b""))
            if known is not text:
                if len(text) <= INLINE_UP_TO_BYTES:
                    packed = gzip.compress(text, GZIP_LEVEL, mtime=0)
                else:
                    packed = await asyncio.to_thread(gzip.compress, text, GZIP_LEVEL, mtime=0)
                self._packed[openmetrics] = (text, packed)
        return packed, True
