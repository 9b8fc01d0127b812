"""When Python looks for cyclic garbage, which connections and targets leave that end.

By itself it lets 70,000 objects come together, which are seven megabytes. What is at work counts too, until it is done:
with hundreds of targets there are as many objects all the time, and to look through them over and over would be a good
part of what the process does. To look through all of them would hold up everything for a tenth of a second: what has
been found to be at work is left out until targets have come or gone, or for some minutes.
"""

from __future__ import annotations

import gc
from math import inf
from time import monotonic

LEAST = 700  # new objects, of more than were freed, before the newest are looked through
OF_A_TARGET = 4
OLDER, OLDEST = 4, 2  # looks at the newest before those that stayed are looked through, and looks at these before all
WHOLE_SECONDS = 600.0  # after so long all are looked through, whatever was found to be at work

ALL = 2  # the generation of the oldest


class _Looks:
    """Python's own looks at all objects, told of them before and after."""

    def __init__(self) -> None:
        self.whole_due = -inf
        self.whole = 0  # how many there were

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Called by Python."""
        if info["generation"] != ALL:
            return
        if phase == "stop":
            gc.freeze()
        elif monotonic() >= self.whole_due:
            gc.unfreeze()
            self.whole_due = monotonic() + WHOLE_SECONDS
            self.whole += 1


looks = _Looks()


def look_for(targets: int) -> None:
    """Has garbage looked for as often as suits so many targets, of which some may have gone."""
    gc.set_threshold(max(LEAST, OF_A_TARGET * targets), OLDER, OLDEST)
    looks.whole_due = -inf


def start(targets: int) -> None:
    """Begins to look for garbage, so many targets being watched."""
    look_for(targets)
    gc.callbacks.append(looks)
    gc.collect()
    gc.enable()
