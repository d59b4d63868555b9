"""An order as it is changed by people: read, judged, and told in one event.

Every change is an event of the order's chain with its actor. What isn't possible raises
NotPossible (or OutOfPlace, OutOfTurn): one line that says what is missing, and nothing was changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from workorders.deadlines import Deadline, kept, next_due
from workorders.life_cycle import DECISIONS, State, after
from workorders.log import Entry, Log, OrderUnknown
from workorders.order import Row, orders
from workorders.order_rules import Clock
from workorders.personal import order_secrets

GUARDIAN = "监护人"
HIGHEST = "R4"
AFTER_A_CRISIS_KEY = 3
"""The class of priority that key 5 gives a caller; `*` gives the next one."""


class NotPossible(ValueError):
    """Says in one line what is missing or wrong; nothing was changed."""


class Case:
    """One order, held until the transaction ends. `row` is as after the last event. A case whose
    act was refused is not used again.

    :param actor: who does it, `counselor:7` or `system`.
    :param to_read: nothing is going to be done to it; for a `Store.read`.
    """

    def __init__(
        self,
        connection: Connection,
        log: Log,
        order_no: str,
        at: datetime,
        actor: str,
        *,
        to_read: bool = False,
    ) -> None:
        """Raises OrderUnknown."""
        self.connection = connection
        self.log = log
        self.order_no = order_no
        self.at = at
        self.actor = actor
        self.form: Mapping[str, str] | None = None
        """What the events keep of the form that they come by, see `workorders.once`."""
        self._query = select(orders).where(orders.c.order_no == order_no)
        if not to_read:
            self._query = self._query.with_for_update()
        self.row: Row = self._read()
        self.deadlines = kept(self.row)

    @property
    def state(self) -> State:
        return State(self.row["state"])

    @property
    def risk(self) -> str | None:
        risk: str | None = self.row["risk"]
        return risk

    @property
    def urgency(self) -> str | None:
        """The level whose times hold: until somebody has assessed a caller who pressed `*` or 5,
        the highest."""
        in_danger = (self.row["priority"] or 0) >= AFTER_A_CRISIS_KEY
        return HIGHEST if in_danger and self.risk in (None, "RX") else self.risk

    def must_allow(self, kind: str) -> None:
        """Raises OutOfPlace where the order's state doesn't allow such an event."""
        after(self.state, kind)

    def record(
        self,
        kind: str,
        data: Mapping[str, Any] | None = None,
        *,
        notes: Mapping[str, str | None] | None = None,
        personal: Mapping[str, str] | None = None,
        **columns: Any,
    ) -> None:
        """Append the event, with the deadlines as they are now. Empty notes are left out.
        `personal` and `columns` as in `Log`."""
        self.must_allow(kind)
        if kind in DECISIONS:
            self.end("decision")
        self._wait_for_something(after(self.state, kind))
        if self.deadlines != kept(self.row):
            columns["deadlines"] = [each.row() for each in self.deadlines]
            columns["next_due"] = next_due(self.deadlines)
        words = {name: text for name, text in (notes or {}).items() if text}
        told = {**(data or {}), **({"form": self.form} if self.form is not None else {})}
        self.log.append_all(
            self.connection,
            self.order_no,
            [
                Entry(
                    kind,
                    self.at,
                    self.actor,
                    told,
                    columns,
                    notes=words,
                    personal=personal or {},
                )
            ],
        )
        self.row = self._read()

    def start(
        self,
        clock: Clock,
        of: int | str | None = None,
        *,
        due: datetime | None = None,
    ) -> datetime:
        """A clock runs from now on, until `due` or as configured for the urgency. Does it run
        already, the earlier end holds. Gives the end."""
        end = due or self.log.rules.deadlines.period(clock, self.urgency).after(self.at)
        new = Deadline.starting(self.log.rules.deadlines, clock, self.at, end, of)
        running = self.running(clock, of)
        if running is not None and running.due <= new.due:
            return running.due
        self.end(clock, of)
        self.deadlines = (*self.deadlines, new)
        return new.due

    def meet(self, clock: Clock) -> None:
        """What every clock of this kind waits for has come, whatever started it."""
        for each in self.deadlines:
            if each.clock == clock:
                self.end(clock, each.of)

    def end(self, clock: Clock, of: int | str | None = None) -> None:
        """What one clock waits for has come, or is waited for no more."""
        self.deadlines = tuple(
            each.ended(self.at) if each.runs and (each.clock, each.of) == (clock, of) else each
            for each in self.deadlines
        )

    def running(self, clock: Clock, of: int | str | None = None) -> Deadline | None:
        for each in self.deadlines:
            if each.runs and (each.clock, each.of) == (clock, of):
                return each
        return None

    def items(self, column: str) -> list[dict[str, Any]]:
        """A copy of one of the order's lists."""
        return [dict(each) for each in self.row[column] or ()]

    def item(self, column: str, number: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """A copy of a list, and in it the entry of that number. Raises NotPossible."""
        every = self.items(column)
        for each in every:
            if each["no"] == number:
                return every, each
        raise NotPossible(f"{column}: there is no number {number}")

    def knows(self, personal: str) -> bool:
        """Is something kept under this personal field?"""
        column = order_secrets.c[personal]
        found = select(column.is_not(None)).where(order_secrets.c.order_no == self.order_no)
        return bool(self.connection.execute(found).scalar())

    def outcomes(self, *, adding: str | None = None, without: str | None = None) -> list[str]:
        found = [each for each in self.row["outcomes"] or () if each != without]
        return [*found, adding] if adding is not None and adding not in found else found

    def must_be_code(self, what: str, value: str, codes: Collection[str]) -> None:
        """Raises NotPossible for a value that isn't one of the codes."""
        if value not in codes:
            raise NotPossible(f"{what}: {value!r} is not one of {' '.join(codes)}")

    def must_allow_contact(self, whom: str) -> None:
        """Raises NotPossible for contact with guardians where one of them is suspected."""
        self.must_be_code("contact", whom, self.log.fields.choices["caller_role"])
        if whom == GUARDIAN and self.row["guardian_suspected"] == "是":
            raise NotPossible("a guardian is suspected: guardians are not to be contacted")

    def _wait_for_something(self, state: State) -> None:
        """An open order is never forgotten: some clock runs."""
        if state is not State.CLOSED and not any(each.runs for each in self.deadlines):
            self.start("decision" if state is State.RECEIVED else "closing")

    def _read(self) -> Row:
        row = self.connection.execute(self._query).one_or_none()
        if row is None:
            raise OrderUnknown(self.order_no)
        return row._mapping


def must_say(what: str, text: str) -> str:
    """Raises NotPossible where somebody gave no reason."""
    if not text.strip():
        raise NotPossible(f"{what} is missing")
    return text
