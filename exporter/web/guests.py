"""Every connection from first to last, and who has to leave where there are too many or one is too slow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from exporter.schedule import monotonic

Stage = Literal[
    "silent",  # has not said anything yet
    "greeting",  # TLS is being agreed upon
    "idle",  # between two requests
    "asking",  # has begun a request and not ended it, or waits for the turn of one
    "served",  # waits for its answer
    "taking",  # reads its answer more slowly than it is given
    "leaving",  # is closed, as soon as it has read what is left
]
# why a connection was ended: it was too long in that stage, had to make room for another, or there was no room for it
Reason = Literal["silent", "greeting", "idle", "asking", "taking", "leaving", "made_room", "no_room"]
# in this order others make room for a newcomer; who is being served never does
DISPENSABLE: tuple[Stage, ...] = ("silent", "leaving", "idle", "asking", "greeting", "taking")
_PLACES = {stage: place for place, stage in enumerate(DISPENSABLE)}


@dataclass(frozen=True)
class Limits:
    """Of connections, and of the seconds that one may stay in a stage."""

    connections: int = 256
    connections_of_a_client: int = 64
    silent: float = 10.0
    greeting: float = 5.0
    asking: float = 10.0
    idle: float = 120.0
    taking: float = 30.0
    leaving: float = 5.0


class Guest(Protocol):
    """One connection."""

    client: str

    def stage(self) -> Stage:
        """What it does now."""

    def abort(self) -> None:
        """Ends it at once, unread and unsent bytes included."""


class _Stay:
    """Since when a guest has been in its stage, as far as it was looked at."""

    __slots__ = ("since", "stage")

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.since = monotonic()


class Guests:
    """The connections by client."""

    def __init__(self, limits: Limits, ends: Callable[[Reason], None] = lambda _: None) -> None:
        """`ends` is called for each connection that is ended from this side, or not let in."""
        self._limits = limits
        self._ends = ends
        self._stays: dict[Guest, _Stay] = {}
        self._clients: dict[str, dict[Guest, None]] = {}  # in the order in which they came
        self._waiting: dict[str, dict[Guest, None]] = {}  # the same, of those alone for whom nothing was begun yet

    def __len__(self) -> int:
        return len(self._stays)

    def admit(self, guest: Guest) -> bool:
        """Takes a guest in; where there are too many, another has to leave, or this one may not enter."""
        limits = self._limits
        own = self._clients.get(guest.client, {})
        if len(own) >= limits.connections_of_a_client:
            if not self._make_room(guest.client):
                self._ends("no_room")
                return False
        elif len(self._stays) >= limits.connections:
            # the client with the most connections loses one, so that nobody can push the others out
            # ones of the same size are many, where there is one of each: there it is one that has not said anything
            sizes = {client: (len(crowd), client in self._waiting) for client, crowd in self._clients.items()}
            crowds = sorted(sizes, key=sizes.__getitem__, reverse=True)
            if not any(map(self._make_room, crowds)):
                self._ends("no_room")
                return False
        self._stays[guest] = _Stay(guest.stage())
        self._clients.setdefault(guest.client, {})[guest] = None
        self._waiting.setdefault(guest.client, {})[guest] = None
        return True

    def begins(self, guest: Guest) -> None:
        """Notes that something is done for a guest from now on."""
        self._forget(self._waiting, guest)

    @staticmethod
    def _forget(crowds: dict[str, dict[Guest, None]], guest: Guest) -> None:
        crowd = crowds.get(guest.client, {})
        if crowd.pop(guest, guest) is None and not crowd:
            del crowds[guest.client]

    def _make_room(self, client: str) -> bool:
        # of those who connect without end it is one of these, and the others need not be looked at
        first: Guest | None = next(iter(self._waiting.get(client, ())), None)
        if first is None or first.stage() != DISPENSABLE[0]:
            first, place = None, len(DISPENSABLE)
            for guest in self._clients[client]:
                own = _PLACES.get(guest.stage(), place)
                if own < place:
                    first, place = guest, own
                    if not own:
                        break
        if first is None:
            return False
        self.leave(first)
        first.abort()
        self._ends("made_room")
        return True

    def leave(self, guest: Guest) -> None:
        """Forgets a guest that has gone; it may have gone already."""
        if self._stays.pop(guest, None) is None:
            return
        self._forget(self._clients, guest)
        self._forget(self._waiting, guest)

    def moved(self, guest: Guest) -> None:
        """Begins a guest's stage anew, as with a next request that looks like the last."""
        if guest in self._stays:
            self._stays[guest] = _Stay(guest.stage())

    def sweep(self) -> None:
        """Aborts who has stayed in a stage for too long. To be called every second or so."""
        now = monotonic()
        for guest, stay in list(self._stays.items()):
            stage = guest.stage()
            if stage != stay.stage:
                self._stays[guest] = _Stay(stage)
            elif stage != "served" and now - stay.since > getattr(self._limits, stage):
                self.leave(guest)
                guest.abort()
                self._ends(stage)

    def clear(self) -> None:
        """Aborts everybody."""
        for guest in list(self._stays):
            self.leave(guest)
            guest.abort()
