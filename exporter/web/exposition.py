"""The text of /metrics, and the same compressed: once for every text, however many scrapes ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from exporter.collect.packing import Text, in_parts

PACK_FROM_BYTES = 1024
INLINE_UP_TO_BYTES = 2 * 1024**2  # takes 5 ms; what takes longer is compressed beside the event loop

Render = Callable[[bool], Awaitable[Text]]
Parts = Sequence[bytes]


class Exposition:
    """Hands out the text in both formats, plain or compressed. `render` gives the same object while nothing changed."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._packed: dict[bool, tuple[Text, Parts]] = {}  # by format: a text, and that text compressed
        self._locks = {False: asyncio.Lock(), True: asyncio.Lock()}

    async def body(self, *, openmetrics: bool, may_pack: bool) -> tuple[Parts, bool]:
        """The text as of now, in parts, and whether it is compressed: a short one never is."""
        text = await self._render(openmetrics)
        if not may_pack or text.size < PACK_FROM_BYTES:
            return text.parts, False
        known = self._packed.get(openmetrics)
        if known is not None and known[0] is text:
            return known[1], True
        async with self._locks[openmetrics]:
            known = self._packed.get(openmetrics)
            if known is not None and known[0] is text:
                return known[1], True
            inline = text.unready_bytes <= INLINE_UP_TO_BYTES
            packed = text.packed() if inline else await asyncio.to_thread(text.packed)
            parts = tuple(in_parts([packed]))
            self._packed[openmetrics] = (text, parts)
        return parts, True
