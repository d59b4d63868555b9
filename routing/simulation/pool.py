"""The floor of the bound: everybody in one place, found by what they know."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from agents.presence import Person
from routing.floor import Floor
from routing.router import Choice, choose
from routing.rules import Rules
from routing.waiting_call import WaitingCall


class Pool(Floor):
    """A floor of one station, with some thousand people. The router is shown, of those who know
    the same topics, only the first to have become free: the others would come after them."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(lambda _station: rules)
        self._rules_of_all = rules
        self._alike: dict[frozenset[str], dict[str, Person]] = {}

    def put(self, person: Person) -> None:
        super().put(person)
        alike = self._alike.setdefault(person.counselor.topics, {})
        if person.counselor.id in self._free[person.counselor.station]:
            alike[person.counselor.id] = person
        else:
            alike.pop(person.counselor.id, None)

    def remove(self, person: Person) -> None:
        super().remove(person)
        self._alike.get(person.counselor.topics, {}).pop(person.counselor.id, None)

    def for_call(self, call: WaitingCall, at: datetime) -> Choice | None:
        rules = self._rules_of_all
        first = [
            person
            for alike in self._alike.values()
            for person in islice(alike.values(), rules.crisis_places)
        ]
        if not first:
            return None
        return choose(call, first, lambda: self.present_at(call.home), rules, at)
