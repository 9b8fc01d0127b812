"""When Python looks for cyclic garbage, which connections and targets leave that end.

By itself it lets 70,000 objects come together, which are seven megabytes, and looks through what is older the more
often the more of it there is. With hundreds of targets a quarter of a million objects are at work all the time, and
within seconds all of them are new ones: to look through them over and over would be a good part of what the process
does, each look would hold up everything for a tenth of a second and more, and hardly any of it is ever garbage.

So with few targets new objects are looked at once, and all of them together once a minute, and when a good part of the
targets have gone. With many targets none are looked at until memory has grown by a quarter or a good part of the
targets have gone; that look takes some half a second with 500.
"""

from __future__ import annotations

import gc
import sys
from math import inf
from time import monotonic

LEAST = 700  # new objects, of more than were freed, before they are looked through
NEVER = 2**31 - 1  # objects, or looks at the new ones, before Python looks at some by itself
WHOLE_SECONDS = 60.0  # after so long all are looked through
MANY = 50  # targets, whose objects take more than ten milliseconds to be looked through
GROWN = 1.25  # times the pieces of memory that there were after the last look
FILLED = 3.0  # the same, at first, while all is collected for the first time
FILLING_SECONDS = 600.0
GONE_SHARE = 0.1  # of the targets that there are


class _Whole:
    """The looks at all objects."""

    def __init__(self) -> None:
        self._due = -inf
        self._most = inf  # pieces of memory; with more than that a good part may be garbage
        self._leaves_alone = False  # what there is
        self.targets = 0
        self.gone = 0  # targets, since everything was looked through

    def look(self) -> None:
        """Where it is time."""
        now, many, many_gone = monotonic(), self.targets > MANY, self.gone > GONE_SHARE * self.targets
        if not many:
            if now >= self._due or many_gone or self._leaves_alone:
                self._look_at_everything()
                self._due = now + WHOLE_SECONDS
            return
        gc.freeze()  # takes no time, and what is freed is freed
        pieces = sys.getallocatedblocks()
        if not self._leaves_alone:
            self._leaves_alone, self._most, self._due = True, FILLED * pieces, now + FILLING_SECONDS
        elif pieces > self._most or many_gone:
            self._look_at_everything()
            self._most = GROWN * sys.getallocatedblocks()
        elif now >= self._due:
            self._most, self._due = GROWN * pieces, inf

    def _look_at_everything(self) -> None:
        if self._leaves_alone:
            gc.unfreeze()
        gc.collect()
        if self._leaves_alone:  # most of it is code; of fewer targets than before no more is left alone from now on
            gc.freeze()
        self._leaves_alone, self.gone = self.targets > MANY, 0


whole = _Whole()


def look_for(targets: int, gone: int = 0) -> None:
    """Has garbage looked for in the way that suits so many targets, after so many others have gone."""
    whole.targets = targets
    whole.gone += gone
    gc.set_threshold(LEAST if targets <= MANY else NEVER, NEVER, NEVER)


def look_at_all() -> None:
    """To be called every few seconds, from where, with many targets, tenths of a second do no harm once in hours."""
    whole.look()


def start(targets: int) -> None:
    """Begins to look for garbage; what there is now, most of it code, is left out."""
    look_for(targets)
    gc.collect()
    gc.freeze()
    gc.enable()
