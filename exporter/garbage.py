"""When Python looks for cyclic garbage, which connections and targets leave that end.

By itself it lets 70,000 objects come together, which are seven megabytes, and looks through what is older the more
often the more of it there is. With hundreds of targets a quarter of a million objects are at work all the time: to look
through them over and over would be a good part of what the process does, and each look would hold up everything for
long. So new objects are looked at once, where more came than are at work at a time, and all of them together once a
minute, and when a good part of the targets have gone. With many targets what survives that is left out of the next
looks, until it has grown by a quarter or many have gone.
"""

from __future__ import annotations

import gc
from math import inf
from time import monotonic

LEAST = 700  # new objects, of more than were freed, before they are looked through
OF_A_TARGET = 40  # as many as are at work for a target: of what comes and goes with a statement nothing is garbage
NEVER = 2**31 - 1  # looks at the new ones, before Python looks at older ones by itself
WHOLE_SECONDS = 60.0  # after so long all are looked through
MANY = 50  # targets, whose objects take more than ten milliseconds to be looked through
GROWN = 1.25  # times what survived a look at all there is: then it is looked through again
GONE_SHARE = 0.1  # of the targets that there are


class _Whole:
    """The looks at all objects."""

    def __init__(self) -> None:
        self._due = -inf
        self._most = inf  # objects that are left out; beyond that some may have become garbage
        self.targets = 0
        self.gone = 0  # targets, since everything was looked through
        self._leaves_out = False

    def look(self) -> None:
        """Where it is time."""
        many_gone = self.gone > GONE_SHARE * self.targets
        if monotonic() < self._due and not many_gone:
            return
        many = self.targets > MANY
        everything = self._leaves_out and (many_gone or not many or gc.get_freeze_count() > self._most)
        if everything:
            gc.unfreeze()
        gc.collect()
        if many or everything:
            gc.freeze()
        if everything or not self._leaves_out:
            self._most, self.gone = GROWN * gc.get_freeze_count(), 0
        self._leaves_out = many
        self._due = monotonic() + WHOLE_SECONDS


whole = _Whole()


def look_for(targets: int, gone: int = 0) -> None:
    """Has garbage looked for as often as suits so many targets, after so many others have gone."""
    whole.targets = targets
    whole.gone += gone
    gc.set_threshold(max(LEAST, OF_A_TARGET * targets), NEVER, NEVER)


def look_at_all() -> None:
    """To be called now and then, from where some hundredths of a second do no harm with hundreds of targets."""
    whole.look()


def start(targets: int) -> None:
    """Begins to look for garbage; what there is now, most of it code, is left out."""
    look_for(targets)
    gc.collect()
    gc.freeze()
    gc.enable()
