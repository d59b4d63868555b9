"""Who is there, and the account's own counselor logging in, pausing and logging out."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from itertools import groupby
from typing import Annotated, Literal

from pydantic import model_validator
from sqlalchemy import Connection, select

from agents import presence
from agents.counselor import State
from agents.roster import RosterError, counselors
from console.api.asked import Asked
from console.api.codes import PAUSE, Answer, Model, Utc
from console.api.problems import Refused, missing
from console.roles import Presence
from console.visible import branch
from console.watch import people

c = counselors.c


class Person(Answer):
    """Somebody who isn't logged out. `number`: of the desk."""

    name: str
    number: str
    state: State
    reason: str | None
    since: Utc


class AtStation(Answer):
    """`states`: how many are in each. `people`: empty for who may not know their names."""

    station: str
    name: str
    states: dict[State, int]
    people: list[Person]


class Everybody(Answer):
    """The stations of the branch where somebody is."""

    stations: list[AtStation]


class Mine(Answer):
    """`wish`: what follows when the call is over that they are on."""

    counselor: str
    state: State
    reason: str | None
    since: Utc
    wish: State | None


class Wanted(Model):
    """`available` also ends a pause and a wrap-up."""

    state: Literal["available", "paused", "logged_out"]
    reason: Annotated[str, PAUSE] | None = None

    @model_validator(mode="after")
    def _a_pause_has_a_reason(self) -> Wanted:
        if (self.reason is not None) is not (self.state == "paused"):
            raise ValueError("a pause has a reason, nothing else has")
        return self


def show(asked: Asked) -> Everybody:
    house = asked.house
    theirs = branch(house.stations, asked.who.station)
    named = asked.who.may.presence is Presence.NAMED
    there = [one for one in house.store.read(people) if one.station in theirs]
    return Everybody(
        stations=[
            AtStation(
                station=station,
                name=house.stations.name(station),
                states=dict(Counter(one.state for one in group)),
                people=[Person.model_validate(one._asdict()) for one in group if named],
            )
            for station, group in (
                (station, list(found)) for station, found in groupby(there, lambda one: one.station)
            )
        ]
    )


def show_mine(asked: Asked) -> Mine:
    return asked.house.store.read(lambda connection: _mine(connection, asked.who.id))


def change_mine(asked: Asked) -> Mine:
    """Whoever waits is matched when the engine looks next, within a second."""
    wanted, who, at = asked.body_as(Wanted), asked.who.id, asked.at

    def work(connection: Connection) -> Mine:
        _mine(connection, who)
        match wanted.state:
            case "available":
                presence.log_in(connection, who, at)
            case "paused":
                presence.pause(connection, who, wanted.reason or "", at)
            case "logged_out":
                presence.log_out(connection, who, at)
        return _mine(connection, who)

    try:
        return asked.house.store.write(work)
    except RosterError as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from error


def _mine(connection: Connection, who: str) -> Mine:
    """Raises Refused for an account that is no counselor's."""
    row = connection.execute(select(c.state, c.reason, c.since, c.wish).where(c.id == who)).first()
    if row is None:
        raise missing()
    return Mine(counselor=who, state=row.state, reason=row.reason, since=row.since, wish=row.wish)
