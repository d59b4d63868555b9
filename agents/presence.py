"""Where each counselor is right now: conditional updates that follow the transition table, each
told by a row of the log (`agents.presence_log`).

Every function runs in the caller's transaction, which holds `one_at_a_time(connection,
MATCHING)`. An update whose row isn't in a fitting state, or is held by another call, changes
nothing: nobody is ever taken from a call by a late message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    false,
    func,
    null,
    or_,
    select,
    true,
    update,
)

from agents.counselor import HELD, Happening, OutOfPlace, State, after, states_before
from agents.presence_log import noted
from agents.roster import (
    PEOPLE_TIME,
    Counselor,
    Role,
    RosterError,
    counselors,
    remembered,
)
from config.database import MATCHING, one_at_a_time
from config.statements import Statement, among

c = counselors.c

RONA = "rona"
"""Paused because an offer rang unanswered 振铃未接."""


IN_A_ROW = "calls_in_a_row"
HIGH_RISK_CALLS = "high_risk_calls"
WRAP_UP = "wrap_up"
"""Why somebody rests. The last is what is left of a wrap-up: the counselor's own to end."""


class Person(NamedTuple):
    """Somebody present, as the matcher sees them. `until`: a pause that ends by itself.
    `rests_until`: no ordinary call is offered to them, whatever their state."""

    counselor: Counselor
    state: str
    reason: str | None
    until: datetime | None
    available_since: datetime | None
    calls_today: int
    rests_until: datetime | None = None
    rest_reason: str | None = None

    @property
    def done(self) -> bool:
        """Rests for the rest of the shift."""
        return self.rest_reason == HIGH_RISK_CALLS

    @property
    def absent(self) -> bool:
        """Paused for not answering, without an end: most likely not at the desk at all."""
        return self.state == State.PAUSED and self.reason == RONA and self.until is None


class _Change:
    """An update of presence, and the row of the log that tells of it."""

    def __init__(
        self,
        where: Sequence[ColumnElement[bool]],
        values: Mapping[str, Any],
        at: ColumnElement[Any] | None = None,
    ) -> None:
        self._noted = Statement(noted(counselors, values, *where, at=at))
        self._made = Statement(update(counselors).where(*where).values(**values))

    def run(self, connection: Connection, **given: Any) -> int:
        """How many it changed."""
        self._noted.later(connection, **given)
        return self._made.run(connection, **given)

    def later(self, connection: Connection, **given: Any) -> None:
        self._noted.later(connection, **given)
        self._made.later(connection, **given)

    def if_any(self, connection: Connection, **given: Any) -> int:
        """As `run`, where mostly there is nothing to change."""
        changed = self._noted.run(connection, **given)
        if changed:
            self._made.later(connection, **given)
        return changed


def _given(happening: Happening, mine: bool, **values: Any) -> _Change:
    """An update of one counselor in a state where `happening` is in place; `mine`: and held by
    the call it is about."""
    where: list[ColumnElement[bool]] = [
        c.id == bindparam("counselor"),
        # Not IN, whose parameters are known only when it is executed.
        or_(*(c.state == state for state in sorted(states_before(happening)))),
    ]
    if mine:
        where.append(c.call_id == bindparam("call"))
    return _Change(where, values)


_WISH_GRANTED = {
    "state": func.coalesce(c.wish, State.AVAILABLE),
    "reason": c.wish_reason,
    "wish": null(),
    "wish_reason": null(),
    "call_id": null(),
    "until": null(),
    "since": bindparam("at"),
    "changed": true(),
}
_AT_THE_END_OF_THE_LINE = {**_WISH_GRANTED, "available_since": bindparam("at")}

_reserve = _given(
    Happening.RESERVE, mine=False,
    state=State.RESERVED, call_id=bindparam("call"), since=bindparam("at"),
)  # fmt: skip
_ring = _given(Happening.RING, mine=True, state=State.RINGING, since=bindparam("at"))
_answer = _given(
    Happening.ANSWER,
    mine=True,
    state=State.ON_CALL,
    since=bindparam("at"),
    last_call_at=bindparam("at"),
    calls_today=case((c.calls_day == bindparam("day"), c.calls_today + 1), else_=1),
    calls_day=bindparam("day"),
    misses=0,
)
_always_there = c.role == Role.DUTY_PHONE
_end_call = _given(
    Happening.END_CALL,
    mine=True,
    state=case((_always_there, State.AVAILABLE), else_=State.WRAP_UP),
    call_id=null(),
    since=bindparam("at"),
    until=case((_always_there, null()), else_=bindparam("until", type_=c.until.type)),
    available_since=bindparam("at"),
    changed=true(),
)
_end_call_at_once = _given(Happening.END_CALL, mine=True, **_AT_THE_END_OF_THE_LINE)
_release = _given(Happening.RELEASE, mine=True, **_WISH_GRANTED)
_release_to_end_of_line = _given(Happening.RELEASE, mine=True, **_AT_THE_END_OF_THE_LINE)
_miss = _given(
    Happening.MISS,
    mine=True,
    state=func.coalesce(c.wish, State.PAUSED),
    reason=func.coalesce(c.wish_reason, bindparam("why")),
    wish=null(),
    wish_reason=null(),
    call_id=null(),
    since=bindparam("at"),
    until=case((c.wish.is_(None), bindparam("until", type_=c.until.type)), else_=null()),
    misses=c.misses + 1,
    changed=true(),
)
_wrap_ups_over, _pauses_over = (
    _Change((c.state == state, c.until <= bindparam("at")), _AT_THE_END_OF_THE_LINE)
    for state in (State.WRAP_UP, State.PAUSED)
)
_AT = bindparam("at", type_=c.since.type)
_wrap_up_longer = _Change(
    [
        c.id == bindparam("counselor"),
        or_(
            c.state == State.AVAILABLE,
            and_(c.state == State.WRAP_UP, c.until < bindparam("until", type_=c.until.type)),
        ),
        ~_always_there,
    ],
    {
        "state": State.WRAP_UP,
        "until": bindparam("until", type_=c.until.type),
        "since": case((c.state == State.WRAP_UP, c.since), else_=_AT),
        "changed": true(),
    },
    _AT,
)
_rest = _Change(
    [
        c.id == bindparam("counselor"),
        or_(
            c.rests_until.is_(None),
            c.rests_until < bindparam("rests_until", type_=c.rests_until.type),
        ),
        ~_always_there,
    ],
    {
        "rests_until": bindparam("rests_until", type_=c.rests_until.type),
        "rest_reason": bindparam("why"),
        "changed": true(),
    },
    _AT,
)
_UNTIL_REST = or_(c.rests_until.is_(None), c.rests_until < c.until)
_needed = _given(
    Happening.NEEDED,
    mine=False,
    state=State.AVAILABLE,
    since=bindparam("at"),
    until=null(),
    rests_until=case((_UNTIL_REST, c.until), else_=c.rests_until),
    rest_reason=case((_UNTIL_REST, WRAP_UP), else_=c.rest_reason),
)
_rests_over = _Change(
    [
        c.rests_until <= _AT,
        # What a call is told of somebody is what they were as it took them.
        *(c.state != state for state in sorted(HELD)),
    ],
    {"rests_until": null(), "rest_reason": null(), "changed": true()},
    _AT,
)
_person = select(
    c.id, c.revision, c.state, c.reason, c.until, c.available_since, c.calls_today, c.calls_day,
    c.rests_until, c.rest_reason,
)  # fmt: skip
_here = c.state != State.LOGGED_OUT
_present = Statement(_person.where(_here))
_present_at = Statement(_person.where(_here, among(c.station, "stations")))
_available = Statement(_person.where(c.state == State.AVAILABLE, among(c.station, "stations")))
_free_person = Statement(_person.where(c.state == State.AVAILABLE, c.id == bindparam("counselor")))
_changed = Statement(
    update(counselors).where(c.changed).values(changed=false()).returning(c.id, c.station, c.state)
)
_free_stations = Statement(
    select(c.station).distinct().where(c.state == State.AVAILABLE, c.role == Role.COUNSELOR)
)
_how_many = Statement(select(func.count()).where(_here, c.station == bindparam("station")))
_at_these = select(func.count()).where(among(c.station, "stations"))
_staff = (
    _at_these.where(_here),
    _at_these.where(c.state == State.PAUSED, c.reason == RONA, c.until.is_(None)),
)
_on_duty = {
    urgent: Statement(select(here.scalar_subquery() - absent.scalar_subquery()))
    for urgent, (here, absent) in (
        (True, _staff),
        (False, [query.where(c.role == Role.COUNSELOR) for query in _staff]),
    )
}
_where = Statement(select(c.state, c.station, c.call_id).where(c.id == bindparam("counselor")))
_one = Statement(select(c.state, c.role, c.rest_reason).where(c.id == bindparam("counselor")))


def present(connection: Connection, at: datetime) -> list[Person]:
    """Everybody who isn't logged out."""
    return _people(connection, _present, at)


def present_at(connection: Connection, stations: Iterable[str], at: datetime) -> list[Person]:
    """Everybody of these stations who isn't logged out."""
    return _people(connection, _present_at, at, stations=stations)


def how_many(connection: Connection, station: str) -> int:
    """How many `present_at` finds there."""
    return int(_how_many.scalar(connection, station=station))


def available(connection: Connection, stations: Iterable[str], at: datetime) -> list[Person]:
    """Everybody of these stations who may be given a call now."""
    return _people(connection, _available, at, stations=stations)


def free_person(connection: Connection, counselor_id: str, at: datetime) -> Person | None:
    """Somebody, if they may be given a call now."""
    return next(iter(_people(connection, _free_person, at, counselor=counselor_id)), None)


def free_stations(connection: Connection) -> set[str]:
    """Where a counselor is `available`."""
    return {station for (station,) in _free_stations.rows(connection)}


def on_duty(connection: Connection, stations: Iterable[str], urgent: bool) -> int:
    """How many of these stations are there for a call, busy ones included; nothing is said of
    what they know or by which telephone they are reached."""
    return int(_on_duty[urgent].scalar(connection, stations=stations))


def changed(connection: Connection) -> list[tuple[str, str, str]]:
    """Who has become free, or has gone, since it was last asked: id, station and state. The
    matcher alone asks."""
    return [(who, station, state) for who, station, state in _changed.rows(connection)]


def _people(connection: Connection, query: Statement, at: datetime, **values: Any) -> list[Person]:
    rows = query.rows(connection, **values)
    known = remembered(connection, {who: revision for who, revision, *_ in rows})
    today = at.astimezone(PEOPLE_TIME).date()
    return [
        Person(known[who], state, reason, until, since, calls if day == today else 0, *rest)
        for who, _, state, reason, until, since, calls, day, *rest in rows
    ]


def log_in(connection: Connection, counselor_id: str, at: datetime) -> State:
    """Available for calls, also from a pause or early from wrap-up, or from what is left of it; the
    wish to leave after the present call is withdrawn."""
    return _asked(connection, counselor_id, Happening.LOG_IN, None, at)


def log_out(connection: Connection, counselor_id: str, at: datetime) -> State:
    """Out, or still on the call and out after it; the state in force is returned."""
    return _asked(connection, counselor_id, Happening.LOG_OUT, None, at)


def pause(connection: Connection, counselor_id: str, reason: str, at: datetime) -> State:
    """Paused, or still on the call and paused after it."""
    return _asked(connection, counselor_id, Happening.PAUSE, reason, at)


def _asked(
    connection: Connection, who: str, happening: Happening, reason: str | None, at: datetime
) -> State:
    one_at_a_time(connection, MATCHING)
    row = _one.first(connection, counselor=who)
    if row is None:
        raise RosterError(f"no counselor {who}")
    state, role = State(row[0]), row[1]
    rested = happening is Happening.LOG_IN and row[2] == WRAP_UP
    if role == Role.DUTY_PHONE:
        raise RosterError(f"{who} is a duty phone: always on")
    values: dict[str, Any]
    if state in HELD:
        wishes = {Happening.LOG_OUT: State.LOGGED_OUT, Happening.PAUSE: State.PAUSED}
        values = {"wish": wishes.get(happening), "wish_reason": reason}
    elif happening is Happening.LOG_IN and state is State.AVAILABLE and not rested:
        return state
    elif happening is Happening.LOG_IN and state is State.AVAILABLE:
        values = {"since": at, "rests_until": None, "rest_reason": None, "changed": True}
        connection.execute(noted(counselors, values, c.id == who))
    else:
        try:
            state = after(state, happening)
        except OutOfPlace as error:
            raise RosterError(f"{who}: {error}") from error
        values = {"state": state, "reason": reason, "since": at, "until": None}
        values |= {"wish": None, "wish_reason": None, "changed": True}
        if state is State.AVAILABLE:
            values |= {"available_since": at, "misses": 0}
        if rested:
            values |= {"rests_until": None, "rest_reason": None}
        connection.execute(noted(counselors, values, c.id == who))
    connection.execute(update(counselors).where(c.id == who).values(**values))
    return state


def reserve(connection: Connection, counselor_id: str, call_id: str, at: datetime) -> bool:
    """Take an available counselor; False if they weren't."""
    return _reserve.run(connection, counselor=counselor_id, call=call_id, at=at) == 1


def needed(connection: Connection, counselor_id: str, at: datetime) -> bool:
    """Out of wrap-up for a caller in danger: no ordinary call is offered them for as long as it
    would have lasted. False if they were in none, or have said that they leave after it."""
    leaves = select(c.id).where(c.id == counselor_id, c.wish == State.LOGGED_OUT)
    if connection.execute(leaves).first() is not None:
        return False
    return _needed.run(connection, counselor=counselor_id, at=at) == 1


def ring(connection: Connection, ids: Sequence[str], call_id: str, at: datetime) -> None:
    for who in ids:
        _ring.later(connection, counselor=who, call=call_id, at=at)


def answer(connection: Connection, counselor_id: str, call_id: str, at: datetime) -> bool:
    """False if another call holds them, or they aren't there."""
    day = at.astimezone(PEOPLE_TIME).date()
    return _answer.run(connection, counselor=counselor_id, call=call_id, at=at, day=day) == 1


def end_call(
    connection: Connection, counselor_id: str, call_id: str, wrap_up: timedelta, at: datetime
) -> None:
    """Into wrap-up, or straight to the end of the line where there is none to do (a duty phone
    never has any)."""
    if wrap_up:
        until = at + wrap_up
        _end_call.later(connection, counselor=counselor_id, call=call_id, at=at, until=until)
    else:
        _end_call_at_once.later(connection, counselor=counselor_id, call=call_id, at=at)


def release(
    connection: Connection, counselor_id: str, call_id: str, at: datetime, keep_idle: bool = True
) -> None:
    """Let go without fault, keeping the idle time, or at the end of the line."""
    statement = _release if keep_idle else _release_to_end_of_line
    statement.later(connection, counselor=counselor_id, call=call_id, at=at)


def miss(
    connection: Connection,
    counselor_id: str,
    call_id: str,
    reason: str,
    until: datetime | None,
    at: datetime,
) -> None:
    """Paused for `reason`, until they log in or `until`."""
    _miss.later(connection, counselor=counselor_id, call=call_id, why=reason, until=until, at=at)


def where(connection: Connection, counselor_id: str) -> tuple[State, str, str | None] | None:
    """State, station and the call that holds them; None: nobody of that id."""
    row = _where.first(connection, counselor=counselor_id)
    return (State(row[0]), row[1], row[2]) if row is not None else None


def wrap_up_longer(
    connection: Connection, counselor_id: str, until: datetime, at: datetime
) -> bool:
    """Wrap-up lasts until then, if it would end sooner or has just ended; False where somebody
    has begun something else."""
    return _wrap_up_longer.run(connection, counselor=counselor_id, until=until, at=at) == 1


def rest(
    connection: Connection, counselor_id: str, reason: str, until: datetime, at: datetime
) -> None:
    """No ordinary call is offered to them until then; a longer rest stays as it is."""
    _rest.later(connection, counselor=counselor_id, why=reason, rests_until=until, at=at)


def end_what_is_due(connection: Connection, at: datetime) -> int:
    """Wrap-ups, pauses and rests whose time is over end; how many did."""
    return (
        _wrap_ups_over.if_any(connection, at=at)
        + _pauses_over.if_any(connection, at=at)
        + _rests_over.if_any(connection, at=at)
    )
