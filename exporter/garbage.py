"""When Python looks for cyclic garbage, which connections and targets leave that end.

By itself it lets 70,000 objects come together, which are seven megabytes, and looks through what is older the more
often the more of it there is. With hundreds of targets a quarter of a million objects are at work all the time: to look
through them over and over would be a good part of what the process does, and each look would hold up everything for
long. So each object is looked at once while it is new, and all of them together once a minute.
"""

from __future__ import annotations

import gc
from math import inf
from time import monotonic

LEAST = 700  # new objects, of more than were freed, before they are looked through
OF_A_TARGET = 5
NEVER = 2**31 - 1  # looks at the new ones, before Python looks at older ones by itself
WHOLE_SECONDS = 60.0  # after so long all are looked through


class _Whole:
    """The looks at all objects."""

    def __init__(self) -> None:
        self._due = -inf

    def look(self) -> None:
        """Where it is time."""
        if monotonic() >= self._due:
            gc.collect()
            self._due = monotonic() + WHOLE_SECONDS


whole = _Whole()


def look_for(targets: int) -> None:
    """Has garbage looked for as often as suits so many targets."""
    gc.set_threshold(max(LEAST, OF_A_TARGET * targets), NEVER, NEVER)


def look_at_all() -> None:
    """To be called now and then, from where a tenth of a second does no harm with hundreds of targets."""
    whole.look()


def start(targets: int) -> None:
    """Begins to look for garbage; what there is now, most of it code, is never looked through again."""
    look_for(targets)
    gc.collect()
    gc.freeze()
    gc.enable()
