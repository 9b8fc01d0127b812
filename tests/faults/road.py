"""The way from the exporter to a server: a proxy that delays, loses, cuts off, refuses, or leads elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import TypeVar

Result = TypeVar("Result")

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST


class Road:
    """Listens on a port of its own until close(); runs in a thread of its own. Its faults hold until they are ended."""

    def __init__(self, host: str, port: int) -> None:
        self._goal = (host, port)
        self.seconds = 0.0  # by which each piece comes later, on each way
        self.welcomed = 0  # connections, all told
        self._silent = False
        self._resetting = False
        self._cut_after: int | None = None  # bytes of the server after which a session is reset
        self._wires: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._do(self._listen())

    def _do(self, work: Coroutine[None, None, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    def silence(self, silent: bool) -> None:
        """Whether what is sent from now on, either way, is lost."""
        self._silent = silent

    def reset(self, resetting: bool) -> None:
        """Whether everybody's session is reset, and every new one too."""
        self._resetting = resetting
        if resetting:
            self._do(self._drop())

    def cut_after(self, size: int | None) -> None:
        """After how many bytes of the server, from now on, a session is reset; None for never."""
        self._cut_after = size

    def refuse(self, refusing: bool) -> None:
        """Whether nothing listens any more."""
        self._do(self._unlisten() if refusing else self._listen())

    def lead_to(self, port: int) -> None:
        """Leads to another port from now on; the sessions that there were are reset."""
        self._goal = (self._goal[0], port)
        self._do(self._drop())

    def close(self) -> None:
        """Ends every session."""
        self._do(self._unlisten())
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", self.port)

    async def _unlisten(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._drop()
        await asyncio.sleep(0.05)  # lets the sessions' tasks end

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drop(self) -> None:
        for wire in list(self._wires):
            _reset(wire)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.welcomed += 1
        self._wires.add(writer)
        if self._resetting:
            _reset(writer)
        try:
            there, back = await asyncio.open_connection(*self._goal)
            self._wires.add(back)
        except OSError:
            _reset(writer)
            self._wires.discard(writer)
            return
        ways = (self._pump(reader, back), self._pump(there, writer, counted=True))
        await asyncio.gather(*ways)
        self._wires -= {writer, back}
        for wire in (writer, back):
            wire.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counted: bool = False) -> None:
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        passing = asyncio.create_task(self._pass(late, sink))
        clock: Callable[[], float] = self._loop.time
        passed = 0
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if counted and self._cut_after is not None:
                    left = self._cut_after - passed
                    passed += len(data)
                    if left < len(data):
                        sink.write(data[: max(left, 0)])
                        await sink.drain()
                        await self._drop()
                        break
                if not self._silent:
                    late.put_nowait((clock() + self.seconds, data))
        late.put_nowait((clock() + self.seconds, b""))
        await passing

    async def _pass(self, late: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = await late.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not data:
                    if not sink.is_closing():
                        sink.write_eof()
                    return
                sink.write(data)
                await sink.drain()


def _reset(wire: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    wire.transport.abort()
