"""A small picture of the last hours: DDL above a line, failures below it, each to a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from exporter.collect.course import SLOT_SECONDS, SLOTS, Stretch
from exporter.web.markup import el

HEIGHT = 11  # of each half
WIDTH = 3  # of a bar, with the gap after it


def words(stretch: Stretch) -> str:
    """The same for who does not see it."""
    ddl, failed = sum(stretch.ddl), sum(stretch.failed)
    since = datetime.fromtimestamp(max(stretch.since, stretch.seen_from), UTC)
    statements, failures = ("" if count == 1 else "s" for count in (ddl, failed))
    return f"{ddl:,} DDL statement{statements}, {failed:,} failure{failures} since {since:%H:%M} UTC"


def sparkline(stretch: Stretch) -> Markup:
    """The picture: the newest quarter of an hour is at its right end."""
    middle, width = HEIGHT + 1, WIDTH * SLOTS
    return el(
        "svg",
        el("title", words(stretch)),
        el("path", d=f"M0 {middle}H{width}", class_="axis"),
        el("path", d=_bars(stretch.ddl, middle - 1, -1), class_="ddl"),
        el("path", d=_bars(stretch.failed, middle + 1, 1), class_="failed"),
        viewBox=f"0 0 {width} {2 * HEIGHT + 2}",
        role="img",
        class_="course",
    )


def hours() -> str:
    """Over how long it goes."""
    return f"{SLOTS * SLOT_SECONDS // 3600} h"


def _bars(counts: Sequence[int], base: int, direction: int) -> str:
    """A path of bars from `base` on, up or down; nothing for none."""
    highest = max(counts, default=0)
    first = SLOTS - len(counts)
    parts = []
    for number, count in enumerate(counts, start=first):
        if count:
            length = direction * max(round((HEIGHT - 1) * count / highest), 1)
            parts.append(f"M{WIDTH * number} {base}v{length}h{WIDTH - 1}v{-length}z")
    return "".join(parts)
