"""The counselors of the branch, as the roster has them; never by which telephones they answer."""

from __future__ import annotations

from datetime import date

from pydantic import Field
from sqlalchemy import Connection, select

from agents import roster
from agents.roster import Role, counselors
from console.api.asked import Asked
from console.api.codes import Answer, Model, Several
from console.api.problems import missing
from console.audit import Action
from console.visible import branch

c = counselors.c


class Counselor(Answer):
    """`number`: of the desk. `credentials`: by topic, the last day they are good for."""

    id: str
    name: str
    number: str
    station: str
    role: Role
    topics: list[str]
    languages: list[str]
    credentials: dict[str, date]


class CounselorPage(Answer):
    """By id."""

    items: list[Counselor]
    next: str | None = Field(description="`cursor` of the next page; null: there is none.")


class CounselorsAsked(Model):
    """What the list is narrowed to."""

    limit: Several = 50
    cursor: str | None = Field(None, max_length=100, description="`next` of the page before.")
    station: str | None = Field(None, max_length=40, examples=["440100"])


def listed(asked: Asked) -> CounselorPage:
    query = asked.query_as(CounselorsAsked)
    stations = branch(asked.house.stations, asked.who.station)
    if query.station is not None:
        stations &= {query.station}

    def work(connection: Connection) -> list[roster.Counselor]:
        ids = (
            select(c.id)
            .where(c.station.in_(sorted(stations)), c.id > (query.cursor or ""))
            .order_by(c.id)
            .limit(query.limit + 1)
        )
        found = (roster.get(connection, who) for who in connection.execute(ids).scalars().all())
        return [who for who in found if who is not None]

    found = asked.house.store.read(work)
    asked.note(Action.COUNSELORS_LISTED, query.station)
    page = found[: query.limit]
    return CounselorPage(
        items=[_told(who) for who in page],
        next=page[-1].id if len(found) > len(page) else None,
    )


def show(asked: Asked) -> Counselor:
    who = asked.path["counselor"]
    found = asked.house.store.read(lambda connection: roster.get(connection, who))
    if found is None or found.station not in branch(asked.house.stations, asked.who.station):
        raise missing()
    return _told(found)


def _told(who: roster.Counselor) -> Counselor:
    return Counselor(
        id=who.id,
        name=who.name,
        number=who.number,
        station=who.station,
        role=who.role,
        topics=sorted(who.topics),
        languages=sorted(who.languages),
        credentials=dict(who.credentials),
    )
