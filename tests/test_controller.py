"""One turn is one transaction, and a call outlives the engine that served it: the controller on
a real store, with the carrier's part played by the test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from agents import presence, roster
from callflows.events import DialEnded, DialResult, DigitsCollected, Event, HoldEnded, NoInput
from callflows.verbs import Dial, Gather, Hangup, Hold, Record
from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.controller import Controller
from ivr.pending import OfferedCall, Pending, StaleTurn
from ivr.transaction import Woken
from routing.assessment import Assessment
from routing.standing import Override, State
from workorders.personal import masked
from workorders.verify import verify
from workorders.views import View, order_view, orders_of

BEGAN = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)


class House:
    """An assembly with two engines on one store."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data_directory=folder, sister_lines_directory=CONFIG / "demo")
        self.assembly = Assembly.open(settings)
        self.assembly.import_roster(BEGAN)
        self.woken: list[Woken] = []
        self.engine = self.assembly.controller("one", self.woken.append)
        self.other = self.assembly.controller("two", self.woken.append)

    def logs_in(self, *who: str) -> None:
        def work(connection: Connection) -> None:
            for counselor in who:
                presence.log_in(connection, counselor, BEGAN)

        self.engine.counselors_changed(work, BEGAN)

    def state(self, who: str) -> str:
        def work(connection: Connection) -> str:
            row = connection.execute(
                roster.counselors.select().where(roster.counselors.c.id == who)
            ).one()
            return str(row.state)

        return self.assembly.store.read(work)

    def order(self, order_no: str) -> View:
        keys = self.assembly.log.keys
        return self.assembly.store.read(lambda c: order_view(c, keys, order_no))

    def orders(self) -> int:
        keys = self.assembly.log.keys
        return len(self.assembly.store.read(lambda c: orders_of(c, keys, limit=100)))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    log = house.assembly
    assert verify(log.store, log.log.keys, log.settings.seal_file) == []
    house.assembly.store.close()


def offer(engine: Controller, call_id: str = "a", seconds: int = 0) -> Pending:
    call = OfferedCall(call_id, "asterisk", "PJSIP/x", "020-12355", "13570001234")
    return engine.offered(call, BEGAN + timedelta(seconds=seconds))


def on(engine: Controller, pending: Pending, event: Event) -> Pending:
    return engine.advanced(pending.call_id, pending.turn, event)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def test_the_order_is_there_before_the_first_word(house: House) -> None:
    pending = offer(house.engine)
    assert isinstance(pending.verbs[-1], Gather)
    order = house.order(pending.order_no)
    assert order["outcome"] is None
    assert order["handler"] == "station:440100"
    assert [event["kind"] for event in order["events"]] == ["offered"]


def test_offered_again_it_goes_on_where_it_was_and_the_former_engine_is_stale(
    house: House,
) -> None:
    house.logs_in("gz-chen")
    first = offer(house.engine)
    resumed = offer(house.other, seconds=3)
    assert resumed.verbs == first.verbs
    assert resumed.resumed
    with pytest.raises(StaleTurn):
        on(house.engine, first, DigitsCollected(at(4), "1"))
    ringing = on(house.other, resumed, DigitsCollected(at(5), "1"))
    assert isinstance(ringing.verbs[-1], Dial)
    assert house.orders() == 1


def test_a_dial_keeps_its_turn_when_the_call_is_taken_over(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    again = offer(house.other, seconds=9)
    once_more = offer(house.engine, seconds=10)
    assert ringing.verbs_turn == again.verbs_turn == once_more.verbs_turn
    assert ringing.turn < again.turn < once_more.turn


def test_a_talk_ends_by_the_counselor(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    assert house.state("gz-chen") == "ringing"
    house.engine.counselor_answered("a", "8002", at(8))
    assert house.state("gz-chen") == "on_call"
    over = on(house.engine, ringing, DialEnded(at(17), DialResult.ANSWERED, "gz-chen", 9))
    assert over.verbs == (Hangup(),)
    assert house.state("gz-chen") == "wrap_up"
    order = house.order(over.order_no)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    assert order["first_responder"] == order["handler"] == "counselor:gz-chen"
    assert str(order["t_answer"]).startswith("2026-06-07T21:00:08")


def test_a_talk_ends_by_the_caller_and_telling_it_twice_changes_nothing(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    house.engine.counselor_answered("a", "8002", at(8))
    for _ in range(2):
        house.engine.hung_up("a", at(30), DialResult.ANSWERED, ringing.verbs_turn, 22)
    order = house.order(ringing.order_no)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    assert [event["kind"] for event in order["events"]].count("ended") == 1
    assert house.state("gz-chen") == "wrap_up"


def test_hung_up_while_it_rang_nobody_is_blamed(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    house.engine.hung_up("a", at(9), DialResult.ABANDONED, ringing.verbs_turn)
    assert house.order(ringing.order_no)["outcome"] == "abandoned_in_queue"
    assert house.state("gz-chen") == "available"


def test_hung_up_in_the_menu(house: House) -> None:
    pending = offer(house.engine)
    house.engine.hung_up("a", at(3))
    order = house.order(pending.order_no)
    assert (order["outcome"], order["hung_up_by"]) == ("abandoned_in_menu", "caller")


def test_a_call_that_the_carrier_lost_is_failed_and_its_counselor_free(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    house.engine.lost("a", at(20))
    assert house.order(ringing.order_no)["outcome"] == "failed"
    assert house.state("gz-chen") == "available"


def test_who_waits_is_woken_when_somebody_is_free(house: House) -> None:
    house.logs_in("gz-chen")
    first = on(house.engine, offer(house.engine, "a"), DigitsCollected(at(1), "1"))
    waiting = on(house.engine, offer(house.engine, "b"), DigitsCollected(at(2), "1"))
    assert isinstance(waiting.verbs[-1], Hold)
    assert not house.engine.reservation_waiting("b")
    on(house.engine, first, DialEnded(at(60), DialResult.ANSWERED, "gz-chen", 50))
    house.engine.tick(at(95))
    assert [woken.call_id for woken in house.woken] == ["b"]
    assert house.engine.reservation_waiting("b")


def test_a_phone_that_is_not_answered_keeps_the_callers_place(house: House) -> None:
    house.logs_in("gz-chen", "gz-huang")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    again = on(house.engine, ringing, DialEnded(at(17), DialResult.NO_ANSWER))
    assert isinstance(again.verbs[-1], Dial)
    assert again.verbs[-1].target != ringing.verbs[-1].target  # type: ignore[union-attr]
    assert {house.state("gz-chen"), house.state("gz-huang")} == {"paused", "ringing"}


def test_silence_reaches_a_human(house: House) -> None:
    house.logs_in("gz-lin")
    told = on(house.engine, offer(house.engine), NoInput(at(15)))
    assert isinstance(told.verbs[-1], Gather)
    ringing = on(house.engine, told, NoInput(at(25)))
    assert isinstance(ringing.verbs[-1], Dial)
    assert house.order(ringing.order_no)["topic"] == "unknown"


def test_an_order_sent_elsewhere_names_the_change_of_its_homes_standing(house: House) -> None:
    house.logs_in("gz-chen", "wh-tang")
    assembly, until = house.assembly, BEGAN + timedelta(hours=1)
    assessment = Assessment(assembly.stations)
    word = Override(State.DEAD, "the desk moves", "manager:li", until)
    look = assembly.store.read(lambda c: assessment.look(c, (), BEGAN))
    change = assembly.store.write(lambda c: assessment.override(c, "440100", "law", word, look))
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    [made] = [
        event["data"]
        for event in house.order(ringing.order_no)["events"]
        if event["kind"] == "offer_made"
    ]
    assert made["counselors"] == ["wh-tang"]
    assert made["reason"].endswith("home dead")
    assert made["standing"] == {
        "change": change.id, "station": "440100", "topic": "law", "state": "dead",
        "cause": f"manager:li, until {until.isoformat()}: the desk moves",
    }  # fmt: skip


def test_the_crisis_key_counts_while_the_connecting_words_are_spoken(house: House) -> None:
    house.logs_in("gz-chen", "gz-huang")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    crisis = on(house.engine, ringing, DigitsCollected(at(2), "*"))
    assert crisis.crisis
    assert isinstance(crisis.verbs[-1], Dial)
    order = house.order(crisis.order_no)
    assert order["priority"] == 4
    made = [event for event in order["events"] if event["kind"] == "offer_made"]
    assert len(made[-1]["data"]["counselors"]) == 2


def test_in_a_crisis_the_key_again_and_again_never_delays_the_ringing(house: House) -> None:
    house.logs_in("gz-chen")
    crisis = on(house.engine, offer(house.engine), DigitsCollected(at(1), "*"))
    for second in range(2, 6):
        again = on(house.engine, crisis, DigitsCollected(at(second), "*"))
        assert again.verbs == crisis.verbs[-1:]
        crisis = again
    kinds = [event["kind"] for event in house.order(crisis.order_no)["events"]]
    assert kinds.count("offer_made") == 1


def test_hanging_up_before_the_tone_leaves_no_message(house: House) -> None:
    waiting = offer(house.engine)
    for _ in range(5):
        waiting = on(house.engine, waiting, DigitsCollected(at(1), "9"))
        if not isinstance(waiting.verbs[-1], Hold | Gather):
            break
    house.engine.hung_up("a", at(9))
    assert house.order(waiting.order_no)["outcome"] != "voicemail"


def test_in_a_crisis_somebody_who_is_there_but_never_free_does_not_keep_the_duty_phone_silent(
    house: House,
) -> None:
    house.logs_in("gz-chen")
    house.engine.counselors_changed(
        lambda connection: presence.pause(connection, "gz-chen", "meal", at(0)), at(0)
    )
    pending = on(house.engine, offer(house.engine), DigitsCollected(at(1), "*"))
    clock, rung = 1.0, []
    while clock < 900 and "directory" not in rung:
        last = pending.verbs[-1]
        assert not isinstance(last, Hangup)
        event: Event
        if isinstance(last, Dial):
            clock += last.ring_seconds
            rung.append(last.kind)
            event = DialEnded(at(clock), DialResult.NO_ANSWER)
        elif isinstance(last, Hold):
            clock += last.seconds
            event = HoldEnded(at(clock), "elapsed")
        else:
            clock += 10
            event = NoInput(at(clock))
        pending = on(house.engine, pending, event)
    assert "directory" in rung


def test_the_last_resort_leaves_an_order_once(house: House) -> None:
    call = OfferedCall("never-seen", "asterisk", "", "020-12355", "13570001234")
    for _ in range(2):
        house.engine.served_without_us(call, at(0), DialResult.ANSWERED, [])
    assert house.orders() == 1


def test_a_hang_up_is_refused_only_where_the_call_was_never_known(house: House) -> None:
    assert not house.engine.hung_up("never-offered", at(5))
    pending = offer(house.engine)
    assert house.engine.hung_up(pending.call_id, at(5))
    assert house.engine.hung_up(pending.call_id, at(6))


def test_a_talk_whose_answer_nobody_saw_still_has_its_responder(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(2), "1"))
    house.other.hung_up(
        ringing.call_id, at(40), DialResult.ANSWERED, ringing.verbs_turn, 30, "8002", over=True
    )
    order = house.order(ringing.order_no)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    assert order["first_responder"] == "counselor:gz-chen"
    assert house.state("gz-chen") == "wrap_up"


def test_a_message_recorded_while_no_engine_listened_is_in_the_order(house: House) -> None:
    pending = offer(house.engine)
    while not isinstance(pending.verbs[-1], Record):
        asked = pending.verbs[-1]
        event = DigitsCollected(at(5), "9") if isinstance(asked, Gather) else NoInput(at(5))
        pending = on(house.engine, pending, event)
    recordings = house.assembly.settings.recordings_directory
    recordings.mkdir()
    (recordings / f"{pending.call_id}-{pending.verbs_turn}.wav").write_bytes(bytes(44 + 64_000))
    house.other.hung_up(pending.call_id, at(30))
    order = house.order(pending.order_no)
    assert order["outcome"] == "voicemail"
    assert order["recording_ref"] == f"{pending.call_id}-{pending.verbs_turn}"


OUTSIDE = "+8613800138000"


@pytest.fixture
def at_home(house: House) -> House:
    """gz-chen answers at an own telephone outside, and is logged in."""

    def work(connection: Connection) -> None:
        chen = roster.get(connection, "gz-chen")
        assert chen is not None
        contacts = (roster.Contact("outside", OUTSIDE),)
        roster.add(connection, replace(chen, contacts=contacts), BEGAN)

    house.assembly.store.write(work)
    house.logs_in("gz-chen")
    return house


def test_who_answers_at_an_own_telephone_is_on_the_call(at_home: House) -> None:
    ringing = on(at_home.engine, offer(at_home.engine), DigitsCollected(at(1), "1"))
    at_home.engine.counselor_answered("a", OUTSIDE, at(8))
    at_home.engine.tick(at(200))
    assert at_home.state("gz-chen") == "on_call"
    assert not at_home.engine.answer_unknown("a")
    order = at_home.order(ringing.order_no)
    assert order["first_responder"] == "counselor:gz-chen"


def test_a_talk_that_outlasted_the_lease_unseen_is_in_the_order(at_home: House) -> None:
    ringing = on(at_home.engine, offer(at_home.engine), DigitsCollected(at(1), "1"))
    at_home.engine.tick(at(200))
    assert at_home.state("gz-chen") != "ringing"
    at_home.engine.hung_up("a", at(300), DialResult.ANSWERED, ringing.verbs_turn, 290)
    order = at_home.order(ringing.order_no)
    assert order["outcome"] == "answered"
    assert order["first_responder"] == "counselor:gz-chen"
    assert order["station_answering"] == "440100"
    assert str(order["t_answer"]).startswith("2026-06-07T21:00:10")


@pytest.mark.parametrize(
    ("said", "trust", "kept"),
    [
        ("13570001234", "original", "+8613570001234"),
        ("87654321", "original", "+862087654321"),
        ("12345", "trunk", None),
        ("02012345", "trunk", None),
        ("02012355", "trunk", None),
        (None, "withheld", None),
    ],
)
def test_the_order_holds_a_callers_own_number_only(
    house: House, said: str | None, trust: str, kept: str | None
) -> None:
    call = OfferedCall("a", "asterisk", "PJSIP/x", "020-12355", said)
    order = house.order(house.engine.offered(call, BEGAN).order_no)
    assert (order["id_trust"], order["caller"]) == (trust, kept and masked(kept))
    assert (order["region_number"] is None) == (kept is None)


def failed(house: House, order_no: str) -> list[tuple[str, str]]:
    return [
        (event["data"]["counselor"], event["data"]["result"])
        for event in house.order(order_no)["events"]
        if event["kind"] == "offer_failed"
    ]


def test_every_offer_of_the_order_has_an_end(house: House) -> None:
    house.logs_in("gz-chen", "gz-huang")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    assert isinstance(ringing.verbs[-1], Dial)
    crisis = on(house.engine, ringing, DigitsCollected(at(2), "*"))
    assert [result for _, result in failed(house, crisis.order_no)] == ["abandoned"]
    house.engine.counselor_answered("a", "8002", at(8))
    rest = failed(house, crisis.order_no)[1:]
    assert ("gz-huang", "not_first") in rest
    assert {result for _, result in rest} == {"not_first"}
    house.engine.hung_up("a", at(30), DialResult.ANSWERED, crisis.verbs_turn, 22, "8002")
    assert failed(house, crisis.order_no)[1:] == rest


def test_an_offer_that_expired_is_told_when_its_ringing_ends(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    house.engine.tick(at(200))
    on(house.engine, ringing, DialEnded(at(201), DialResult.NO_ANSWER))
    assert failed(house, ringing.order_no) == [("gz-chen", "expired")]


def test_an_offer_that_rang_when_the_carrier_lost_the_call_is_abandoned(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    house.engine.lost("a", at(20))
    assert failed(house, ringing.order_no) == [("gz-chen", "abandoned")]
