"""`python -m benchmarks.disturbance.served FOLDER`: the HTTP side in a process of its own, with 17,000 samples."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from exporter.collect.packing import Text, part
from exporter.web import app as web
from exporter.web.listener import listen
from exporter.web.server import Server
from exporter.web.settings import WebSettings

SAMPLES = 17_000


def exposition() -> bytes:
    """Text of as many samples as a large installation has."""
    lines = ["# HELP script_tracking_operations_total Executions.", "# TYPE script_tracking_operations_total counter"]
    lines += [
        f'script_tracking_operations_total{{script_type="type{number % 50}",status="COMPLETED",target="shop",'
        f'tenant="tenant{number}"}} {number}.0'
        for number in range(SAMPLES)
    ]
    return "\n".join(lines).encode() + b"\n"


async def main(folder: Path) -> None:
    """Serves until killed; the port goes to standard output. With a file web.yml in the folder by TLS."""
    text = Text([part(exposition())])
    file = folder / "web.yml"
    settings = WebSettings(file if file.exists() else None)

    async def render(_: bool) -> Text:
        return text

    app = web.create(render, lambda: None, lambda: None, settings)
    listener = listen("0.0.0.0", 0)
    print(listener.getsockname()[1], flush=True)
    await Server(app, listener, settings.security).serve()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
