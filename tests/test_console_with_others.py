"""What a counselor or supervisor asks on a page is committed for the engine, and shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from agents import presence, roster
from agents.roster import Contact, Counselor
from callflows.session import Session
from callflows.verbs import Dial
from console.audit import Action
from console.roles import Role
from ivr import desk_requests, sessions
from ivr.desk_requests import Kind, Request, State, TargetKind
from ivr.sessions import CallRow
from routing import offers
from routing.offers import Offer
from tests.console_world import GUANGZHOU, NOON, WUHAN, World, account_of

LIN = account_of(Role.COUNSELOR, GUANGZHOU)
BOSS = account_of(Role.SUPERVISOR, GUANGZHOU)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.assembly.store.write(lambda connection: talk(world, connection))
    yield world
    world.close()


def talk(world: World, connection: Connection, carrier: str = "asterisk") -> None:
    """The counselor of Guangzhou talks with the caller of an order, and a colleague is free."""
    for who, number in ((LIN, "9001"), (BOSS, "9002")):
        contact = (Contact("sip", number),)
        roster.add(connection, Counselor(who, who, number, GUANGZHOU, contacts=contact), NOON)
    for who in (LIN, "gz-chen"):
        presence.log_in(connection, who, NOON)
    call_id = f"{carrier}-1.1"
    presence.reserve(connection, LIN, call_id, NOON)
    presence.answer(connection, LIN, call_id, NOON)
    session = Session("1", "12355", "v", values={"access_number": "020-12355", "region": "440100"})
    dial = sessions.verbs_to_json((Dial("offer", "o", 15),))
    row = CallRow(call_id, world.orders["guangzhou"], carrier, "x", "engine", 1, 1,
                  session.to_json(), dial, NOON, None)  # fmt: skip
    sessions.insert(connection, row)


def asked(world: World, order: str = "guangzhou") -> list[Request]:
    order_no = world.orders[order]
    return world.assembly.store.read(lambda c: desk_requests.of_order(c, order_no))


def test_who_is_free_and_what_can_be_done_is_shown_to_who_talks(world: World) -> None:
    page = f"/desk/with-others/{world.orders['guangzhou']}"
    shown = world.browser(LIN).get(page).text
    assert 'value="counselor:gz-chen"' in shown
    assert 'value="topic:law"' in shown
    assert 'value="line:psychology"' in shown
    # Hinted by the number alone, no place is known: no emergency line is offered.
    assert "line:police" not in shown
    other = world.browser(account_of(Role.COUNSELOR, WUHAN)).get(page).text
    assert "你现在不在这通电话里" in other
    assert "counselor:" not in other


def test_a_transfer_is_asked_for_and_what_became_of_it_is_told(world: World) -> None:
    browser = world.browser(LIN)
    page = f"/desk/with-others/{world.orders['guangzhou']}"
    browser.get(page)
    assert "请先选择转给谁" in browser.post(page, {"kind": "blind"}, htmx=True).text
    answer = browser.post(page, {"kind": "blind", "target": "counselor:gz-chen"}, htmx=True)
    assert "直接转接：已提出" in answer.text
    assert 'hx-trigger="every 1s"' in answer.text
    [one] = asked(world)
    assert (one.kind, one.target_kind, one.target) == (Kind.BLIND, TargetKind.COUNSELOR, "gz-chen")
    assert (one.node, one.counselor_id, one.state) == ("asterisk", LIN, State.ASKED)
    world.assembly.store.write(
        lambda c: desk_requests.step(c, one, State.FAILED, NOON + timedelta(seconds=1), "not_free")
    )
    shown = browser.get(page).text
    assert "直接转接：未成，对方此刻不空闲" in shown
    assert "every 1s" not in shown


def test_nobody_asks_about_a_talk_that_is_not_theirs(world: World) -> None:
    other = world.browser(account_of(Role.COUNSELOR, WUHAN))
    page = f"/desk/with-others/{world.orders['guangzhou']}"
    other.get(page)
    other.post(page, {"kind": "blind", "target": "topic:law"})
    assert asked(world) == []
    assert other.post(page, {"kind": "listen"}).status_code == 400


def test_on_another_carrier_it_is_said_that_it_cannot_be_done(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.assembly.store.write(lambda connection: talk(world, connection, "simulator"))
    browser = world.browser(LIN)
    page = f"/desk/with-others/{world.orders['guangzhou']}"
    assert "这条线路上不能转接" in browser.get(page).text
    browser.post(page, {"kind": "blind", "target": "topic:law"})
    assert asked(world) == []
    world.close()


def test_on_twilio_nothing_is_offered_that_it_cannot_do(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.assembly.store.write(lambda connection: talk(world, connection, "twilio"))
    browser = world.browser(LIN)
    page = f"/desk/with-others/{world.orders['guangzhou']}"
    shown = browser.get(page).text
    assert 'value="blind"' in shown
    assert 'value="topic:law"' in shown
    # Twilio rings no desk telephone of ours.
    assert "counselor:gz-chen" not in shown
    assert 'value="three_way"' in shown
    assert 'value="help"' not in shown
    browser.post(page, {"kind": "help"})
    assert asked(world) == []
    browser.post(page, {"kind": "blind", "target": "topic:law"})
    assert [one.kind for one in asked(world)] == [Kind.BLIND]
    boss = world.browser(BOSS)
    assert "这条线路上不能监听" in boss.get("/monitor/9001").text
    boss.post("/monitor/9001", {"kind": "listen"})
    assert world.audited(Action.MONITORED) == []
    world.close()


def test_on_twilio_nothing_is_talked_over_from_a_conference(tmp_path: Path) -> None:
    world = World(tmp_path)
    room = sessions.verbs_to_json(sessions.IN_CONFERENCE)

    def confers(connection: Connection) -> None:
        talk(world, connection, "twilio")
        connection.execute(sessions.calls.update().values(verbs=room))

    world.assembly.store.write(confers)
    browser = world.browser(LIN)
    page = f"/desk/with-others/{world.orders['guangzhou']}"
    shown = browser.get(page).text
    assert 'value="three_way"' in shown
    assert 'value="consult"' not in shown
    browser.post(page, {"kind": "consult", "target": "topic:law"})
    assert asked(world) == []
    world.close()


def test_a_supervisor_listens_and_the_audit_has_it(world: World) -> None:
    browser = world.browser(BOSS)
    assert 'href="/monitor/9001"' in browser.get("/presence/").text
    browser.get("/monitor/9001")
    browser.post("/monitor/9001", {"kind": "listen"}, htmx=True)
    [one] = asked(world)
    assert (one.kind, one.counselor_id, one.target) == (Kind.LISTEN, LIN, BOSS)
    assert one.asked_by == f"account:{BOSS}"
    detail = f"listen {LIN}"
    assert world.audited(Action.MONITORED) == [
        (BOSS, "monitored", world.orders["guangzhou"], detail)
    ]
    elsewhere = world.browser(account_of(Role.SUPERVISOR, WUHAN))
    assert elsewhere.get("/monitor/9001").status_code == 404
    assert elsewhere.post("/monitor/9001", {"kind": "listen"}).status_code == 404
    manager = world.browser(account_of(Role.MANAGER, GUANGZHOU))
    assert manager.get("/monitor/9001").status_code == 403
    assert "/monitor/" not in manager.get("/presence/").text


def test_a_supervisor_called_for_help_is_shown_which_order_and_whose(world: World) -> None:
    """While it rings what helps to say the first words, then how to see to safety; no form."""
    order_no = world.orders["guangzhou"]

    def called(connection: Connection) -> None:
        request_id = desk_requests.ask(
            connection, call_id="asterisk-1.1", order_no=order_no, kind=Kind.HELP,
            counselor_id=LIN, asked_by=f"counselor:{LIN}", at=NOON,
        )  # fmt: skip
        presence.log_in(connection, BOSS, NOON)
        presence.reserve(connection, BOSS, f"with:{request_id}", NOON)
        presence.ring(connection, [BOSS], f"with:{request_id}", NOON)
        request = desk_requests.get(connection, request_id)
        assert request is not None
        desk_requests.step(connection, request, State.RINGING, NOON, target=BOSS)

    def picks_up(connection: Connection) -> None:
        [request] = desk_requests.of_order(connection, order_no)
        desk_requests.step(connection, request, State.TALKING, NOON)
        presence.answer(connection, BOSS, f"with:{request.id}", NOON)

    store, browser = world.assembly.store, world.browser(BOSS)
    store.write(called)
    browser.get("/desk/")
    rings = browser.post("/desk/presence", {"does": "log_in"}).text
    assert order_no in rings
    assert 'href="/monitor/9001"' in rings
    assert 'data-parts=""' in rings
    store.write(picks_up)
    talks = browser.post("/desk/presence", {"does": "log_in"}).text
    assert f'data-parts="/orders/{order_no}/safety"' in talks


def test_who_is_asked_in_from_elsewhere_reads_the_order_while_they_are_there(world: World) -> None:
    order_no, zhou = world.orders["guangzhou"], account_of(Role.COUNSELOR, WUHAN)
    part = Offer("o-2", zhou, "guangzhou", WUHAN, "asterisk", 0, "asked", 15, False, NOON, None)
    store, browser = world.assembly.store, world.browser(zhou)
    store.write(lambda c: offers.add(c, [part], NOON + timedelta(minutes=1)))
    assert browser.get(f"/orders/{order_no}").status_code == 404
    store.write(lambda c: offers.answered(c, part, NOON))
    page = browser.get(f"/orders/{order_no}").text
    assert "138****8000" in page
    assert browser.get(f"/orders/{order_no}/form").status_code == 404
    store.write(lambda c: offers.end(c, part, "answered", NOON))
    assert browser.get(f"/orders/{order_no}").status_code == 404
