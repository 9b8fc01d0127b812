"""An event loop in which a name that does not resolve costs nobody else anything, however long that takes."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

SECONDS = 5.0  # for a name, as for a connection
THREADS = 64  # of names that hang: nobody can end the resolver's call, which takes half a minute at the usual settings


class Loop(asyncio.SelectorEventLoop):
    """Resolves names in threads of their own: those of all else are few, and would wait for the resolver, too."""

    def __init__(self) -> None:
        super().__init__()
        self._names = ThreadPoolExecutor(THREADS, "names")

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        """As the event loop's own. Raises TimeoutError, an OSError, where the resolver takes too long."""
        found = self.run_in_executor(self._names, partial(socket.getaddrinfo, host, port, **more))
        try:
            return await asyncio.wait_for(found, SECONDS)
        except TimeoutError:
            raise TimeoutError(f"not resolved within {SECONDS:g} s") from None
