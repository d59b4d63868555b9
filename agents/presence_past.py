"""Who did what at a moment that is past, by the log of presence; the roster is today's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, time

from sqlalchemy import Connection

from agents import presence_log
from agents.counselor import State
from agents.presence import Person
from agents.presence_log import PresenceChange
from agents.roster import PEOPLE_TIME, Counselor, Role


class Past:
    """What these people did from `since` to `until`. `changes`: their changes, in order."""

    def __init__(
        self,
        connection: Connection,
        people: Iterable[Counselor],
        since: datetime,
        until: datetime,
    ) -> None:
        self._people = {person.id: person for person in people}
        # From midnight on, for their calls of the day.
        midnight = datetime.combine(since.astimezone(PEOPLE_TIME).date(), time(), PEOPLE_TIME)
        ids = sorted(self._people)
        self.changes = sorted(
            presence_log.latest(connection, ids, midnight)
            + presence_log.between(connection, ids, midnight, until)
        )

    def everybody(self, at: datetime, before: PresenceChange | None = None) -> list[Person]:
        """What each of them did at `at`, whoever is logged out included.

        :param before: a change made then, whose time was the same as others': as it was just
            before this one.
        """
        last: dict[str, PresenceChange] = {}
        calls: Counter[str] = Counter()
        day = at.astimezone(PEOPLE_TIME).date()
        for change in self.changes:
            if change.id >= before.id if before is not None else change.at > at:
                continue
            last[change.counselor] = change
            if change.state == State.ON_CALL and change.at.astimezone(PEOPLE_TIME).date() == day:
                calls[change.counselor] += 1
        return [_person(person, last.get(who), calls[who]) for who, person in self._people.items()]

    def next_of(self, change: PresenceChange) -> PresenceChange | None:
        """The same counselor's next change that isn't of the same call."""
        return next(
            (
                later
                for later in self.changes
                if later.id > change.id
                and later.counselor == change.counselor
                and later.call_id != change.call_id
            ),
            None,
        )


def _person(who: Counselor, change: PresenceChange | None, calls: int) -> Person:
    """Whoever has no change is a duty phone that never rang, or never came."""
    if change is not None:
        return Person(
            who, change.state, change.reason, change.until, change.available_since, calls,
            change.rests_until, change.rest_reason,
        )  # fmt: skip
    state = State.AVAILABLE if who.role is Role.DUTY_PHONE else State.LOGGED_OUT
    return Person(who, state, None, None, None, calls)
