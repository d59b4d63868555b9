"""The roster: who may answer, for what, where, and by which phones. One row a counselor.

The same row carries presence (`agents.presence` alone changes those columns). What rarely
changes is kept in memory: every change of it gives the row a new random `revision`, so a copy
remembered under a revision is never stale, whatever store or transaction it came from.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    select,
    text,
)

from agents.counselor import HELD, State
from agents.presence_log import noted
from config.database import MATCHING, Instant, metadata, one_at_a_time
from config.statements import Statement, among

PEOPLE_TIME = ZoneInfo("Asia/Shanghai")

ContactKind = Literal["browser", "sip", "outside", "twilio_client", "sip_uri"]
CONTACT_KINDS: tuple[str, ...] = get_args(ContactKind)


class Role(StrEnum):
    COUNSELOR = "counselor"
    SUPERVISOR = "supervisor"
    """Rings beside the counselors for urgent calls, never for ordinary ones."""
    DUTY_PHONE = "duty_phone"
    """A telephone somebody always carries: never logs in or out, rings only for urgent calls
    as the last resort."""


@dataclass(frozen=True, slots=True)
class Contact:
    """`address`: the endpoint's name for browser, sip and twilio_client, E.164 for outside,
    `sip:chen@example.cn` for sip_uri.
    `trunk`: the one an outside number is dialled on; "": the deployment's outbound trunk.
    `asterisk`: the one of several at which a browser or SIP phone registers; "": the only one."""

    kind: str
    address: str
    trunk: str = ""
    asterisk: str = ""

    @property
    def reach(self) -> str:
        """What a call has to reach to ring it."""
        return f"{self.kind}@{self.asterisk}" if self.asterisk else self.kind


def reached(kinds: Iterable[str], asterisk: str) -> frozenset[str]:
    """All that a call at this Asterisk reaches of these kinds: a telephone rings only from where
    it registers."""
    return frozenset(name for kind in kinds for name in (kind, f"{kind}@{asterisk}"))


@dataclass(frozen=True, slots=True)
class Counselor:
    """What the roster says of somebody. `credentials`: topic to the last day they may take it."""

    id: str
    name: str
    number: str
    station: str
    role: Role = Role.COUNSELOR
    topics: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset({"zh-CN"})
    credentials: Mapping[str, date] = field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()
    kinds: frozenset[str] = field(init=False)
    """What of `contacts` a call has to reach, any one of them."""
    _valid: dict[date, frozenset[str]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        kinds = frozenset(contact.reach for contact in self.contacts)
        object.__setattr__(self, "kinds", kinds)

    def valid_topics(self, day: date) -> frozenset[str]:
        """Topics this counselor may take on `day`: listed, and with a credential in force."""
        valid = self._valid.get(day)
        if valid is None:
            # Asked of everybody free at each match; only the last day's is kept.
            self._valid.clear()
            valid = self._valid[day] = frozenset(
                topic
                for topic in self.topics
                if topic in self.credentials and self.credentials[topic] >= day
            )
        return valid


counselors = Table(
    "counselors",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("number", Text, nullable=False, unique=True),
    Column("station", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("topics", Text, nullable=False),
    Column("languages", Text, nullable=False),
    Column("credentials", Text, nullable=False),
    Column("contacts", Text, nullable=False),
    Column("sip_secret", Text, nullable=False),
    # Presence. `until`: end of wrap-up or of a pause that ends by itself. `wish`: the state
    # asked for while a call held the counselor. `misses`: offers missed since the last answer.
    Column("state", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("reason", Text),
    Column("call_id", Text),
    Column("until", Instant),
    Column("wish", Text),
    Column("wish_reason", Text),
    Column("available_since", Instant),
    Column("calls_today", Integer, nullable=False),
    Column("calls_day", Date),
    Column("last_call_at", Instant),
    Column("misses", Integer, nullable=False),
    # No ordinary calls until then, and why (`routing.care`).
    Column("rests_until", Instant),
    Column("rest_reason", Text),
    # Has become free, or has gone, since the matcher last looked.
    Column("changed", Boolean, nullable=False),
    Index("counselors_station", "station", "state", "role"),
    Index(
        "counselors_changed",
        "id",
        sqlite_where=text("changed = 1"),
        postgresql_where=text("changed"),
    ),
    Index("counselors_state", "state", "role", "station"),
    Index(
        "counselors_rest",
        "rests_until",
        sqlite_where=text("rests_until IS NOT NULL"),
        postgresql_where=text("rests_until IS NOT NULL"),
    ),
)

_PROFILE = (
    counselors.c.id,
    counselors.c.name,
    counselors.c.number,
    counselors.c.station,
    counselors.c.role,
    counselors.c.topics,
    counselors.c.languages,
    counselors.c.credentials,
    counselors.c.contacts,
)
_by_id = select(*_PROFILE).where(counselors.c.id == bindparam("counselor"))
_by_number = Statement(select(counselors.c.id).where(counselors.c.number == bindparam("number")))
_revision = Statement(
    select(counselors.c.revision).where(counselors.c.id == bindparam("counselor"))
)
_everybody = select(*_PROFILE).order_by(counselors.c.station, counselors.c.number)
_state = select(counselors.c.state, counselors.c.role).where(
    counselors.c.id == bindparam("counselor")
)
_presence_noted = noted(counselors, {}, counselors.c.id == bindparam("counselor"))

_profiles = Statement(select(counselors.c.revision, *_PROFILE).where(among(counselors.c.id, "ids")))

REMEMBERED = 50_000
_remembered: dict[str, Counselor] = {}


class RosterError(Exception):
    """Something the roster refuses, in one line for whoever asked."""


def add(connection: Connection, counselor: Counselor, at: datetime) -> None:
    """Add or replace. Presence and SIP secret of somebody known are kept, but for who becomes a
    duty phone, which is always there, or no longer is one. Raises RosterError."""
    one_at_a_time(connection, MATCHING)
    taken_by = by_number(connection, counselor.number)
    if taken_by not in (None, counselor.id):
        raise RosterError(f"number {counselor.number} belongs to {taken_by}")
    profile = _to_row(counselor) | {"changed": True}
    known = connection.execute(_state, {"counselor": counselor.id}).first()
    if known is None:
        arrived = {"sip_secret": secrets.token_urlsafe(18), "calls_today": 0}
        connection.execute(counselors.insert(), profile | arrived | _presence(counselor.role, at))
        connection.execute(_presence_noted, {"counselor": counselor.id})
        return
    if (Role(known.role) is Role.DUTY_PHONE) is not (counselor.role is Role.DUTY_PHONE):
        profile |= _presence(counselor.role, at, held=known.state in HELD)
    connection.execute(counselors.update().where(counselors.c.id == counselor.id).values(**profile))
    if "state" in profile:
        connection.execute(_presence_noted, {"counselor": counselor.id})


def _presence(role: Role, at: datetime, held: bool = False) -> dict[str, Any]:
    """Of somebody who takes up `role`; `held`: on a call, which goes on."""
    always_there = role is Role.DUTY_PHONE
    if held:
        return {"wish": None if always_there else State.LOGGED_OUT, "wish_reason": None}
    return {
        "state": State.AVAILABLE if always_there else State.LOGGED_OUT,
        "since": at,
        "available_since": at if always_there else None,
        "reason": None,
        "until": None,
        "wish": None,
        "wish_reason": None,
        "misses": 0,
    }


def remove(connection: Connection, counselor_id: str, at: datetime) -> None:
    """Raises RosterError for somebody unknown or held by a call."""
    state = connection.execute(_state, {"counselor": counselor_id}).scalar()
    if state is None:
        raise RosterError(f"no counselor {counselor_id}")
    not_held = (counselors.c.id == counselor_id, counselors.c.state.not_in(sorted(HELD)))
    left = {"state": State.LOGGED_OUT, "since": at, "reason": "removed", "until": None}
    connection.execute(noted(counselors, left, *not_held))
    gone = connection.execute(counselors.delete().where(*not_held))
    if gone.rowcount == 0:
        raise RosterError(f"{counselor_id} is on a call: remove after it")


def get(connection: Connection, counselor_id: str) -> Counselor | None:
    row = connection.execute(_by_id, {"counselor": counselor_id}).first()
    return _from_row(row) if row is not None else None


def by_number(connection: Connection, number: str) -> str | None:
    """The counselor's id behind a desk number."""
    found: str | None = _by_number.scalar(connection, number=number)
    return found


def everybody(connection: Connection) -> list[Counselor]:
    """By station, then number."""
    return [_from_row(row) for row in connection.execute(_everybody)]


def contacts_of(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Contact, ...]]:
    """What may be dialled for each of `ids`; somebody no longer in the roster is left out."""
    revisions = {who: _revision.scalar(connection, counselor=who) for who in ids}
    there = {who: revision for who, revision in revisions.items() if revision is not None}
    return {who: known.contacts for who, known in remembered(connection, there).items()}


@dataclass(frozen=True, slots=True)
class SipAccount:
    """What generated SIP configuration needs."""

    counselor_id: str
    name: str
    number: str
    kinds: frozenset[str]
    secret: str = field(repr=False)


def sip_accounts(connection: Connection) -> list[SipAccount]:
    """Everybody who answers by SIP phone or browser, by number."""
    rows = connection.execute(select(counselors).order_by(counselors.c.number))
    accounts = (
        SipAccount(
            row.id,
            row.name,
            row.number,
            frozenset(contact.kind for contact in _contacts_from(row.contacts)),
            row.sip_secret,
        )
        for row in rows
    )
    return [account for account in accounts if account.kinds & {"sip", "browser"}]


def remembered(connection: Connection, revisions: Mapping[str, str]) -> dict[str, Counselor]:
    """Profiles by id.

    :param revisions: by id, as just read.
    """
    known = {who: _remembered.get(revision) for who, revision in revisions.items()}
    missing = [who for who, counselor in known.items() if counselor is None]
    if missing:
        if len(_remembered) > REMEMBERED:
            _remembered.clear()
        for revision, *profile in _profiles.rows(connection, ids=missing):
            counselor = _remembered[revision] = _from_row(profile)
            known[counselor.id] = counselor
    return {who: counselor for who, counselor in known.items() if counselor is not None}


def _to_row(counselor: Counselor) -> dict[str, Any]:
    return {
        "id": counselor.id,
        "revision": secrets.token_hex(8),
        "name": counselor.name,
        "number": counselor.number,
        "station": counselor.station,
        "role": str(counselor.role),
        "topics": _list_to_json(counselor.topics),
        "languages": _list_to_json(counselor.languages),
        "credentials": json.dumps(
            {topic: until.isoformat() for topic, until in sorted(counselor.credentials.items())}
        ),
        "contacts": json.dumps([asdict(contact) for contact in counselor.contacts]),
    }


def _from_row(row: Sequence[Any]) -> Counselor:
    who, name, number, station, role, topics, languages, credentials, contacts = row
    return Counselor(
        id=who,
        name=name,
        number=number,
        station=station,
        role=Role(role),
        topics=frozenset(json.loads(topics)),
        languages=frozenset(json.loads(languages)),
        credentials={
            topic: date.fromisoformat(until) for topic, until in json.loads(credentials).items()
        },
        contacts=_contacts_from(contacts),
    )


def _contacts_from(stored: str) -> tuple[Contact, ...]:
    return tuple(Contact(**contact) for contact in json.loads(stored))


def _list_to_json(items: Iterable[str]) -> str:
    return json.dumps(sorted(items), ensure_ascii=False)
