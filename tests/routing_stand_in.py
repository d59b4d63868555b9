"""A small tree of stations, and counselors and calls for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from agents import presence, roster
from agents.counselor import State
from agents.presence import Person
from agents.roster import Contact, Counselor, Role
from config.database import MATCHING, one_at_a_time
from routing import offers
from routing.queues import Changes, Queues
from routing.waiting_call import WaitingCall

NOON = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
LATER = date(2030, 1, 1)
HOME, PROVINCE, CENTRE, FAR = "440100", "440000", "centre-guangdong", "centre-wuhan"


class StandIn:
    """Every station's tiers are itself, the province, one centre and the neighbours, and a far
    centre."""

    settings: Mapping[str, Any] = {
        "strategy": "longest_idle",
        "ring_seconds": 15,
        "lease_seconds": 30,
        "wrap_up_seconds": 30,
        "wrap_up_after_high_risk_seconds": 600,
        "calls_in_a_row": None,
        "rest_seconds": 300,
        "high_risk_calls_per_shift": None,
        "widen_seconds": (0, 0, 10, 20),
        "crisis_widen_seconds": (0, 0, 5, 15),
        "crisis_places": 8,
        "relax_topic_seconds": {"law": 45, "psychology": 30, "other": 30},
        "relax_language_seconds": {"law": 90, "psychology": 60, "other": 60},
        "overflow_seconds": 15,
        "neighbours": (),
        "handler_wait_seconds": 10,
        "reserve_share": 0.0,
        "last_counselor_returns_seconds": 120,
        "last_counselor_returns": 2,
    }

    def __init__(self, **changed: Any) -> None:
        self._settings = {**self.settings, **changed}

    def tiers(self, station_id: str) -> Sequence[Sequence[str]]:
        return ((station_id,), (PROVINCE,), (CENTRE, *self._settings["neighbours"]), (FAR,))

    def served_by(self, station_id: str) -> Sequence[str] | None:
        return None if station_id in (PROVINCE, CENTRE, FAR) else (station_id,)

    def setting(self, station_id: str, name: str) -> Any:
        return self._settings[name]


def counselor(
    name: str,
    station: str = HOME,
    topics: Iterable[str] = ("law", "psychology"),
    languages: Iterable[str] = ("zh-CN",),
    role: Role = Role.COUNSELOR,
    until: date = LATER,
    kinds: Iterable[str] = ("sip",),
) -> Counselor:
    topics = frozenset(topics)
    return Counselor(
        id=name,
        name=name,
        number=str(int.from_bytes(name.encode()[-4:], "big")),
        station=station,
        role=role,
        topics=topics,
        languages=frozenset(languages),
        credentials=dict.fromkeys(topics, until),
        contacts=tuple(Contact(kind, name) for kind in kinds),
    )


def person(
    who: Counselor | str,
    state: State = State.AVAILABLE,
    idle: float = 60,
    calls: int = 0,
    reason: str | None = None,
    until: datetime | None = None,
) -> Person:
    """`idle` seconds before NOON they became available."""
    who = counselor(who) if isinstance(who, str) else who
    return Person(who, state, reason, until, NOON - timedelta(seconds=idle), calls)


def call(
    topic: str = "law",
    language: str = "zh-CN",
    priority: int = 1,
    waited: float = 0,
    excluded: Iterable[str] = (),
    kinds: Iterable[str] = ("sip",),
    preferred: str | None = None,
) -> WaitingCall:
    return WaitingCall(
        "call",
        "20260608-000001",
        topic,
        language,
        priority,
        HOME,
        NOON - timedelta(seconds=waited),
        "asterisk-1",
        frozenset(kinds),
        frozenset(excluded),
        preferred,
    )


def log_in(connection: Connection, who: Counselor, at: datetime = NOON) -> None:
    roster.add(connection, who, at)
    if who.role is not Role.DUTY_PHONE:
        presence.log_in(connection, who.id, at)


def picked_up(queues: Queues) -> Callable[..., Changes]:
    """Somebody of an offer picked up, as the house tells the queue."""

    def work(connection: Connection, offer_id: str, who: str, at: datetime) -> Changes:
        one_at_a_time(connection, MATCHING)
        parts = offers.parts_of(connection, offer_id)
        return queues.note_answered(connection, parts, who, at)

    return work
