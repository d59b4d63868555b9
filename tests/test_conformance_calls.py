"""What golden conversations don't have: callers who leave at bad moments, several telephones at
once, telephones that fail. Flows, router and queue are the real ones; the same work order comes of
each call on every carrier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from agents import presence
from callflows.events import DialResult
from ivr.simulated_caller import Act, Telephone
from tests.conformance.comparison import order_settled
from tests.conformance.line import Line
from tests.conformance.lines import LINES, REFERENCE
from tests.conformance.twilio_line import TellingTwilioLine
from tests.conformance.visitor import MESSAGE, Visitor
from tests.conformance.world import ACCESS_NUMBER, DUTY_PHONE, PEOPLE, SHORT_CODES, World
from workorders.views import View

AT = datetime(2026, 6, 8, 1, 0, tzinfo=UTC)
NUMBER = "+8613570001234"


@dataclass(frozen=True)
class Case:
    """What the caller does; who is there, with what telephone; what becomes of the call."""

    does: Sequence[Act]
    outcome: str
    telephones: Mapping[str, Telephone] = field(default_factory=dict)
    message: Act = MESSAGE


ANSWERS = Telephone(after=4, talks=40)
NEVER = Telephone(DialResult.NO_ANSWER)
LEAVES_ONE = [Act(3, "2"), Act(8, "9")]
"""Where nobody is there."""
CRISIS_WHILE_RINGING = "the crisis key while a counselor's telephone rings"
CASES: dict[str, Case] = {
    "leaves during the greeting": Case([Act(0.5, hangs_up=True)], "abandoned_in_menu"),
    "leaves while it rings": Case(
        [Act(3, "1"), Act(7, hangs_up=True)],
        "abandoned_in_queue",
        {"chen": Telephone(after=12)},
    ),
    "leaves while it rings in crisis": Case(
        [Act(3, "*"), Act(8, hangs_up=True)],
        "abandoned_in_queue",
        {"chen": Telephone(after=12), "lin": Telephone(after=13)},
    ),
    "ends the talk": Case([Act(3, "1"), Act(30, hangs_up=True)], "answered", {"chen": ANSWERS}),
    "leaves while a sister line rings": Case([Act(14.5, hangs_up=True)], "abandoned_in_queue"),
    "ends the talk with a sister line": Case(
        [Act(40, hangs_up=True)],
        "transferred",
        {"psychology-national": Telephone(after=4, talks=100)},
    ),
    "ends the talk with the duty phone": Case(
        [Act(80, hangs_up=True)],
        "transferred",
        {"duty-440100": Telephone(after=4, talks=100)},
    ),
    "a sister line hangs up": Case(
        [], "transferred", {"psychology-national": Telephone(after=4, talks=30)}
    ),
    CRISIS_WHILE_RINGING: Case(
        [Act(3, "1"), Act(8, "*")],
        "answered",
        {"chen": Telephone(DialResult.NO_ANSWER), "wu": Telephone(after=5, talks=30)},
    ),
    "the crisis key while a counselor is talking": Case(
        [Act(3, "1"), Act(20, "*")], "answered", {"chen": ANSWERS}
    ),
    "key 9 while the first words are spoken": Case(
        [Act(3, "1"), Act(3.5, "9")], "voicemail", {"chen": Telephone(DialResult.UNREACHABLE)}
    ),
    "a message that ends in silence": Case(LEAVES_ONE, "voicemail", message=Act(6)),
    "a message that ends by a key": Case(LEAVES_ONE, "voicemail", message=Act(6, "#")),
    "a message that says nothing": Case(LEAVES_ONE, "voicemail", message=Act(0)),
    "leaves without a message": Case(LEAVES_ONE, "voicemail", message=Act(0, hangs_up=True)),
    "a telephone declines": Case(
        [Act(3, "1")],
        "answered",
        {"chen": Telephone(DialResult.DECLINED, after=3), "wu": ANSWERS},
    ),
    "one telephone is busy, one cannot be reached, one answers": Case(
        [Act(3, "0")],
        "answered",
        {
            "chen": Telephone(DialResult.BUSY),
            "lin": Telephone(DialResult.UNREACHABLE),
            "wu": ANSWERS,
        },
    ),
    "several ring in a crisis and one answers": Case(
        [Act(3, "*")],
        "answered",
        {
            "chen": Telephone(DialResult.NO_ANSWER),
            "lin": Telephone(after=6, talks=30),
            "wu": Telephone(DialResult.BUSY),
        },
    ),
    "who answers a crisis hangs up at once": Case(
        [Act(3, "*")],
        "answered",
        {"chen": Telephone(after=8), "lin": Telephone(after=4, talks=1)},
    ),
    "nobody answers in a crisis, then somebody does": Case(
        [Act(3, "*")],
        "answered",
        {"chen": Telephone(DialResult.NO_ANSWER), "lin": Telephone(after=14.5, talks=30)},
    ),
}


NOT_HEARD = "Twilio hears no key while telephones ring"
BUSY = "who declines is busy to Twilio (TwiML Voice: Dial, DialCallStatus)"
KEPT = "of the silence that ended a message Asterisk keeps a second; Twilio asks of no empty one"
DIFFERENCES = {
    ("twilio", CRISIS_WHILE_RINGING): NOT_HEARD,
    ("twilio in the field", CRISIS_WHILE_RINGING): NOT_HEARD,
    ("twilio", "a telephone declines"): BUSY,
    ("twilio in the field", "a telephone declines"): BUSY,
    ("asterisk", "a message that says nothing"): KEPT,
}
"""Where an order is not the same, and why: who mends one is told to strike it here."""
EVERY_LINE: dict[str, type[Line]] = {**LINES, TellingTwilioLine.carrier: TellingTwilioLine}


def compared() -> Iterator[Any]:
    for name in CASES:
        for carrier in EVERY_LINE:
            if carrier == REFERENCE:
                continue
            why = DIFFERENCES.get((carrier, name))
            marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
            yield pytest.param(name, carrier, marks=marks)


def call(world: World, folder: Path, carrier: str, case: Case, caller: Visitor) -> View:
    with EVERY_LINE[carrier](world, folder, AT) as line:
        line.telephones.update(case.telephones)

        def work(connection: Connection) -> None:
            for who in case.telephones.keys() & {person.id for person in PEOPLE}:
                presence.log_in(connection, who, AT)

        line.controller.counselors_changed(work, AT)
        line.incoming(caller, NUMBER, ACCESS_NUMBER)
        line.run_until_over()
        [order] = line.orders()
        return order


Orders = Callable[[str, str], View]


@pytest.fixture(scope="module")
def order_of(tmp_path_factory: pytest.TempPathFactory) -> Orders:
    """The order of a case on a carrier's line; each is played once."""
    folder = tmp_path_factory.mktemp("calls")
    world = World.make(folder / "world")

    @cache
    def once(name: str, carrier: str) -> View:
        case = CASES[name]
        caller = Visitor(case.does, case.message)
        return call(world, folder / carrier / str([*CASES].index(name)), carrier, case, caller)

    return once


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_the_call(order_of: Orders, name: str) -> None:
    assert order_of(name, REFERENCE)["outcome"] == CASES[name].outcome


@pytest.mark.parametrize(("name", "carrier"), [*compared()])
def test_the_same_order_comes_of_it(order_of: Orders, name: str, carrier: str) -> None:
    reference = order_of(name, REFERENCE)
    assert order_settled(order_of(name, carrier), reference) == order_settled(reference, reference)


ON_TWILIO = ("twilio", "twilio in the field")
NO_TRUNK = "no trunk"
SHORT = "short codes"
KEYS = {
    "按1接通当地110，按2接通12356；不按就继续等。",
    "按1接通当地110；不按就继续等。",
    "按2接通12356；不按就继续等。",
}
BOTH = {"按1接通当地110，按2接通12356；不按就继续等。"}
OFFERED: dict[tuple[str, str], set[str]] = {
    ("simulator", SHORT): BOTH,
    ("asterisk", SHORT): BOTH,
    **{(carrier, SHORT): set() for carrier in ON_TWILIO},
    ("simulator", NO_TRUNK): set(),
    ("asterisk", NO_TRUNK): set(),
    **{(carrier, NO_TRUNK): BOTH for carrier in ON_TWILIO},
}
"""Which keys a caller in danger is offered, whose call a carrier brings to a deployment without an
outbound trunk, or to one that knows its sister lines by short codes."""


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, World]:
    folder = tmp_path_factory.mktemp("deployments")
    return {
        NO_TRUNK: World.make(folder / "no_trunk", trunk=""),
        SHORT: World.make(folder / "short_codes", sister_lines=SHORT_CODES),
    }


@pytest.mark.parametrize(("carrier", "deployment"), OFFERED)
def test_a_key_is_offered_only_for_what_the_carrier_rings(
    deployments: Mapping[str, World], tmp_path: Path, carrier: str, deployment: str
) -> None:
    case = Case([Act(3, "*"), Act(120, hangs_up=True)], "abandoned_in_queue", {"wu": NEVER})
    caller = Visitor(case.does)
    order = call(deployments[deployment], tmp_path / "line", carrier, case, caller)
    assert caller.heard & KEYS == OFFERED[carrier, deployment]
    assert order["outcome"] == case.outcome


@pytest.mark.parametrize(
    ("carrier", "deployment"),
    [
        *((carrier, SHORT) for carrier in EVERY_LINE),
        *((carrier, NO_TRUNK) for carrier in ON_TWILIO),
    ],
)
def test_in_danger_the_duty_phone_is_reached(
    deployments: Mapping[str, World], tmp_path: Path, carrier: str, deployment: str
) -> None:
    """Nobody is on duty."""
    case = Case([Act(3, "*")], "transferred", {DUTY_PHONE: ANSWERS})
    order = call(deployments[deployment], tmp_path / "line", carrier, case, Visitor(case.does))
    assert order["outcome"] == case.outcome
