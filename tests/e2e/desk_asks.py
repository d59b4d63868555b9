"""What a desk asks about its talk, by the store as its page does, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from agents import roster
from ivr import desk_requests, sessions
from ivr.asterisk.ami import Ami
from ivr.asterisk.deployment import ami_secret
from ivr.desk_requests import Kind, Request, TargetKind
from tests.e2e.line import Deployment
from workorders.order import orders


@contextmanager
def manager_of(line: Deployment) -> Iterator[Ami]:
    """The manager interface of the line's Asterisk."""
    settings = line.settings
    manager = Ami(settings.ami_address, settings.ami_user, ami_secret(settings))
    manager.start()
    line.until(lambda: manager.connected)
    yield manager
    manager.stop()


def call_of(line: Deployment, caller: str) -> str:
    order = line.order_of(caller, ended=False)
    one = select(orders.c.call_id).where(orders.c.order_no == order["order_no"])
    return str(line.store(lambda connection: connection.execute(one).scalar()))


def asks(
    line: Deployment,
    caller: str,
    desk: str,
    kind: Kind,
    target_kind: TargetKind = TargetKind.NONE,
    target: str = "",
) -> str:
    """The desk with this number asks about the talk with this caller; the request's id."""
    order, call_id = line.order_of(caller, ended=False), call_of(line, caller)

    def work(connection: Connection) -> str:
        who = roster.by_number(connection, desk)
        assert who is not None
        return desk_requests.ask(
            connection, call_id=call_id, order_no=order["order_no"], kind=kind,
            counselor_id=who, asked_by=f"counselor:{who}", at=datetime.now(UTC),
            target_kind=target_kind, target=target,
        )  # fmt: skip

    return line.rooms.store.write(work)


def verb(line: Deployment, caller: str) -> str:
    """What the caller's call performs now."""
    order = line.order_of(caller, ended=False)

    def work(connection: Connection) -> str:
        rows = [r for r in sessions.open_calls(connection) if r.order_no == order["order_no"]]
        return type(sessions.verbs_from_json(rows[0].verbs)[-1]).__name__ if rows else ""

    return line.store(work)


def request(line: Deployment, request_id: str) -> Request:
    found = line.store(lambda connection: desk_requests.get(connection, request_id))
    assert found is not None
    return found
