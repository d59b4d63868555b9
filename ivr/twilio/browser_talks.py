"""Whom a counselor talks with by Twilio in their browser, and hasn't hung up on.

Twilio tells that a counselor's leg has ended, not why: who hung up, a tab that was closed and a
network that is gone look alike (Twilio, "TwiML Voice: Dial", DialCallStatus: `completed`). So the
desk's page says that it answers, and says before it hangs up that it does. A leg that ends without
that word was lost, and its caller isn't left with nothing. Of telephones that have no page (SIP,
outside, a browser by a page of somebody else's) nothing can be known: their end is a hang-up.

How soon Twilio sees that a browser is gone isn't written anywhere, and isn't ours to say.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, Table, Text, delete, insert, select

from config.database import metadata
from ivr import desk_requests
from ivr.desk_requests import Kind, State
from routing import offers

browser_talks = Table(
    "browser_talks",
    metadata,
    Column("counselor_id", Text, primary_key=True),
    # By which the caller was given to them: another talk with the same caller is another one.
    Column("offer_id", Text, nullable=False),
)

MOVED = (State.TALKING, State.JOINED, State.ENDING)

b = browser_talks.c
o = offers.offers.c


def answers(connection: Connection, counselor_id: str) -> None:
    """The counselor answers, in their browser, what rings them."""
    mine = select(o.offer_id).where(o.counselor_id == counselor_id, o.ended_at.is_(None))
    offer_id = connection.execute(mine).scalar()
    hangs_up(connection, counselor_id)
    if offer_id is not None:
        talk = insert(browser_talks).values(counselor_id=counselor_id, offer_id=offer_id)
        connection.execute(talk)


def hangs_up(connection: Connection, counselor_id: str) -> None:
    """The counselor ends the talk."""
    connection.execute(delete(browser_talks).where(b.counselor_id == counselor_id))


def talks(connection: Connection, call_id: str) -> bool:
    """Does anybody talk with this caller who hasn't hung up, as far as pages have said?"""
    of_call = select(o.offer_id).where(o.call_id == call_id, o.ended_at.is_(None))
    query = select(b.counselor_id).where(b.offer_id.in_(of_call)).limit(1)
    return connection.execute(query).first() is not None


def lost(connection: Connection, call_id: str, offer_id: str) -> str | None:
    """Whose browser was lost, now that the leg of a talk has ended; None: nobody's, as far as can
    be known. Whom we hang up on for a transfer, or bring into a conference, has lost nothing."""
    for request in desk_requests.open_of_call(connection, call_id):
        transfers = request.kind is Kind.BLIND and request.state is State.TAKEN
        if transfers or (request.adds_somebody and request.state in MOVED):
            return None
    # Of several who are rung together, whoever was first.
    talked = [part.counselor_id for part in offers.rung(connection, offer_id) if part.answered_at]
    query = select(b.counselor_id).where(b.offer_id == offer_id, b.counselor_id.in_(talked))
    who: str | None = connection.execute(query).scalar()
    return who
