"""Placing a call to a counselor, whatever for: by whichever carrier reaches one of their
telephones."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from agents import roster
from agents.roster import Contact, Counselor
from config.database import Store
from ivr.placed_calls import PlacedCall

RING_SECONDS = 20
"""Who answers only later answers no caller."""


class CannotRing(Exception):
    """Why nobody is rung, in one line with the way out."""


def _nothing_more(_connection: Connection) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that somebody wants placed. `id`: as `placed_calls.attempt_id` gives it; its purpose
    decides what happens once somebody has picked up. `about`: see `PlacedCall`. `also`: done in the
    transaction that commits it."""

    id: str
    counselor_id: str
    about: str = ""
    also: Callable[[Connection], None] = _nothing_more


class Placer(Protocol):
    """A carrier that places calls."""

    @property
    def reached(self) -> Container[str]:
        """What contacts (`Contact.reach`) it rings."""

    @property
    def carrier(self) -> str:
        """Whose its attempts are (`PlacedCall`)."""

    def hang_up(self, call: PlacedCall) -> None:
        """End a call that is being given up; its end is told as any other. A hint, given again
        until it is over: where the carrier can't be asked, whoever picks up is hung up on. Raises
        StoreUnavailable."""

    def place(self, wanted: Wanted, contacts: Sequence[Contact]) -> None:
        """Ring a counselor's telephones, all of them `reached`. What comes of it is told by the
        store. Raises AlreadyRinging, StoreUnavailable, CannotRing."""


class Placing:
    """:param placers: the carriers that are on; of two that reach a telephone, the first places."""

    def __init__(self, store: Store, placers: Sequence[Placer]) -> None:
        self._store = store
        self._placers = placers

    def reaches(self, counselor: Counselor) -> bool:
        return any(c.reach in p.reached for c in counselor.contacts for p in self._placers)

    def hang_up(self, call: PlacedCall) -> None:
        """As `Placer.hang_up`; another machine's call is left to it."""
        for placer in self._placers:
            if placer.carrier == call.carrier:
                placer.hang_up(call)

    def place(self, wanted: Wanted) -> None:
        """Ring a counselor: the first of their telephones that is reached decides by whom. Raises
        AlreadyRinging, StoreUnavailable, CannotRing."""
        who = wanted.counselor_id
        contacts = self._store.read(lambda c: roster.contacts_of(c, [who])).get(who)
        if contacts is None:
            raise CannotRing(f"no counselor {who}")
        for contact in contacts:
            for placer in self._placers:
                if contact.reach in placer.reached:
                    placer.place(wanted, [c for c in contacts if c.reach in placer.reached])
                    return
        raise CannotRing(f"{who} has no telephone that this line reaches")
