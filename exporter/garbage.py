"""When Python looks for cyclic garbage, which connections and targets leave that end.

By itself it lets 70,000 objects come together, which are seven megabytes. What is at work counts too, until it is done:
with hundreds of targets there are as many objects all the time, and to look through them over and over would be a good
part of what the process does.
"""

from __future__ import annotations

import gc

LEAST = 700  # new objects, of more than were freed, before the newest are looked through
OF_A_TARGET = 20
OLDER, OLDEST = 10, 2  # looks at the newest before those that stayed are looked through, and looks at these before all


def look_for(targets: int) -> None:
    """Has garbage looked for as often as suits so many targets."""
    gc.set_threshold(max(LEAST, OF_A_TARGET * targets), OLDER, OLDEST)


def start(targets: int) -> None:
    """Begins to look for garbage; what there is now is never looked through again, its garbage excepted."""
    gc.collect()
    gc.freeze()
    look_for(targets)
    gc.enable()
