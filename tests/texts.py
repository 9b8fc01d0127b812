"""What stands for the text of /metrics where an application is tried without a daemon."""

from __future__ import annotations

from collections.abc import Callable

from exporter.collect.packing import Text
from exporter.web.exposition import Render


def giving(text: Text | Callable[[bool], Text]) -> Render:
    """Renders this, or what it returns; it may raise."""

    async def render(openmetrics: bool) -> Text:
        return text if isinstance(text, Text) else text(openmetrics)

    return render
