"""A morning at a station with more callers than counselors, on every carrier: the same are served
in the same order by the same people, and the same work orders come of it.

Flows, stations, router and queue are the real ones. Carriers notice things some seconds apart, so
what happens is further apart than that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import pytest
from sqlalchemy import Connection

from agents import presence
from callflows.events import DialResult
from callflows.loader import LIBRARY, load_callflow
from ivr.publications import WRONG_NUMBER
from ivr.simulated_caller import Act, Telephone
from tests.conformance.comparison import order_settled
from tests.conformance.line import Line
from tests.conformance.lines import LINES, OTHERS, REFERENCE
from tests.conformance.visitor import Visitor
from tests.conformance.world import ACCESS_NUMBER, World
from workorders.views import View

OPENS = datetime(2026, 6, 8, 1, 0, tzinfo=UTC)
ABOUT = timedelta(seconds=20)
"""How far apart carriers may be at the end of the morning."""

TELEPHONES = {
    "chen": Telephone(after=2, talks=100),
    "lin": Telephone(after=2, talks=70),
    "wu": Telephone(DialResult.NO_ANSWER),
    "psychology-national": Telephone(after=4, talks=50),
}
LOGS_IN = {"chen": 0, "lin": 0, "wu": 150}
ALL_LOG_OUT = 420

CALLS: dict[str, tuple[float, str, list[Act]]] = {
    "law 1": (1, ACCESS_NUMBER, [Act(3, "1")]),
    "psychology 1": (5, ACCESS_NUMBER, [Act(3, "2")]),
    "law 2": (20, ACCESS_NUMBER, [Act(3, "1")]),
    "psychology 2": (30, ACCESS_NUMBER, [Act(3, "2")]),
    "cannot speak": (40, ACCESS_NUMBER, [Act(3, "5")]),
    "crisis": (50, ACCESS_NUMBER, [Act(3, "*")]),
    "gives up": (60, ACCESS_NUMBER, [Act(3, "1"), Act(20, hangs_up=True)]),
    "message": (70, ACCESS_NUMBER, [Act(3, "0"), Act(10, "8"), Act(24, "9")]),
    "wrong number": (300, "020-99999", []),
    "after hours": (440, ACCESS_NUMBER, []),
}
"""When each begins, whom it calls, and what the caller does; who does nothing is silent."""

SERVED = [
    ("law 1", "chen"),
    ("psychology 1", "lin"),
    ("crisis", "lin"),
    ("cannot speak", "chen"),
    ("law 2", "chen"),
    ("psychology 2", "chen"),
]
"""Crisis overtakes everybody and who cannot speak all but crisis; the others come in their turn,
the first of them in spite of a telephone that rang in vain."""
OUTCOMES = {
    "law 1": "answered",
    "psychology 1": "answered",
    "law 2": "answered",
    "psychology 2": "answered",
    "cannot speak": "answered",
    "crisis": "answered",
    "gives up": "abandoned_in_queue",
    "message": "voicemail",
    "wrong number": "wrong_number",
    "after hours": "transferred",
}


@dataclass(frozen=True)
class Morning:
    """Orders by call; who was served, in order, and by whom; every text that was heard."""

    orders: dict[str, View]
    heard: set[str]

    @property
    def served(self) -> list[tuple[str, str]]:
        answers = [
            (event["at"], name, event["actor"].removeprefix("counselor:"))
            for name, order in self.orders.items()
            for event in order["events"]
            if event["kind"] == "answered"
        ]
        return [(name, who) for _, name, who in sorted(answers)]


def spend(line: Line) -> Morning:
    """Let the morning happen on this line."""
    line.telephones.update(TELEPHONES)
    visitors = {name: Visitor(does) for name, (_, _, does) in CALLS.items()}

    def changes(change: Callable[..., Any], who: str) -> None:
        at = line.clock.now()

        def work(connection: Connection) -> None:
            change(connection, who, at)

        line.controller.counselors_changed(work, at)

    def calls(name: str, number: str) -> None:
        line.incoming(visitors[name], number, CALLS[name][1])

    for who, second in LOGS_IN.items():
        line.after(second, partial(changes, presence.log_in, who))
        line.after(ALL_LOG_OUT, partial(changes, presence.log_out, who))
    for n, (name, (begins, _, _)) in enumerate(CALLS.items()):
        line.after(begins, partial(calls, name, f"+861357000{1000 + n}"))
    line.clock.run_until(lambda: len(line.calls) == len(CALLS))
    line.run_until_over()
    names = dict(zip(line.calls, CALLS, strict=True))
    orders = {names[order["call_id"]]: order for order in line.orders()}
    return Morning(orders, set().union(*(visitor.heard for visitor in visitors.values())))


Mornings = Callable[[str], Morning]


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Mornings:
    """Each carrier's; it is spent once."""
    folder = tmp_path_factory.mktemp("morning")
    world = World.make(folder / "world")

    @cache
    def once(carrier: str) -> Morning:
        with LINES[carrier](world, folder / carrier, OPENS) as line:
            return spend(line)

    return once


@pytest.mark.parametrize("carrier", LINES)
def test_everybody_is_served_in_their_turn_and_crisis_before(
    morning: Mornings, carrier: str
) -> None:
    spent = morning(carrier)
    assert spent.served == SERVED
    assert {name: order["outcome"] for name, order in spent.orders.items()} == OUTCOMES


@pytest.mark.parametrize("carrier", LINES)
def test_a_telephone_that_rings_in_vain_costs_nobody_their_place(
    morning: Mornings, carrier: str
) -> None:
    offers = morning(carrier).orders["law 2"]["offers"]
    assert [
        (offer["event"], offer.get("counselor") or offer["counselors"], offer.get("result"))
        for offer in offers
    ] == [
        ("offer_made", ["wu"], None),
        ("offer_failed", "wu", "no_answer"),
        ("offer_made", ["chen"], None),
    ]


@pytest.mark.parametrize("carrier", LINES)
def test_the_morning_goes_through_every_shipped_flow(morning: Mornings, carrier: str) -> None:
    heard = morning(carrier).heard
    flows = {**load_callflow(LIBRARY).flows, **load_callflow(LIBRARY, WRONG_NUMBER).flows}
    assert flows.keys() == {file.stem for file in LIBRARY.glob("*.yaml")}
    texts = {
        name: [said["zh-CN"] for said in flow.prompts.values()] for name, flow in flows.items()
    }
    for name, own in texts.items():
        others = {text for other in texts if other != name for text in texts[other]}
        assert heard & (set(own) - others), f"nothing of {name} was heard"


@pytest.mark.parametrize("carrier", OTHERS)
@pytest.mark.parametrize("name", CALLS)
def test_the_same_order_comes_of_it(morning: Mornings, name: str, carrier: str) -> None:
    here, reference = morning(carrier).orders[name], morning(REFERENCE).orders[name]
    assert order_settled(here, reference) == order_settled(reference, reference)
    ended = (datetime.fromisoformat(order["t_end"]) for order in (here, reference))
    assert abs(next(ended) - next(ended)) < ABOUT
