"""Callbacks by the house, in both stores: who is rung when, how often, and what the order tells.

The test plays the carrier: nothing here rings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update
from structlog.testing import capture_logs

from agents import presence, roster
from callflows.events import DialResult, DigitsCollected, Event, HoldEnded, ReservationNoticed
from callflows.verbs import Dial, Gather, Hold
from config.settings import CONFIG, Settings
from ivr import placed_calls
from ivr.assembly import Assembly
from ivr.callback_attempts import Attempt, CallbackAttempts, Try
from ivr.page_callbacks import may_be_asked_for
from ivr.page_messages import Left, Wish, leave
from ivr.pending import OfferedCall, Pending
from ivr.placed_calls import PlacedCall, Result
from ivr.transaction import Transaction
from routing import callbacks, standing, standings, trials, waiting
from routing.assessment import Assessment
from routing.decisions import story_of
from routing.standing import Standing
from routing.strength import Counts, Figures, strength
from workorders import number_flags
from workorders.order import orders
from workorders.personal import caller_hash
from workorders.safe_contact import SafeContact
from workorders.verify import verify
from workorders.views import View, order_view

BEGAN = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
CALLER = "13570001234"
GUANGZHOU = "440100"


class Line:
    """An engine on a store with a clock, whose counselors are busy until they log in."""

    def __init__(self, folder: Path, store_url: str) -> None:
        settings = Settings(
            data_directory=folder,
            store_url=store_url,
            sister_lines_directory=CONFIG / "demo",
            trunks_file=CONFIG / "demo" / "trunks.yaml",
            outbound_trunk="guangzhou",
        )
        self.at = BEGAN
        self.serial = 0
        self.assembly = Assembly.open(settings)
        self.assembly.import_roster(BEGAN)
        self.engine = self.assembly.controller("one", lambda woken: None)
        self.attempts = self.engine.house.callback_attempts
        # Somebody who could serve is there, or there would be no queue.
        self.set(presence.log_in, "gz-chen")
        self.set(presence.pause, "gz-chen", "break")

    def set(self, change: object, *details: str) -> None:
        self.engine.counselors_changed(lambda c: change(c, *details, self.at), self.at)  # type: ignore[operator]

    def free(self, who: str = "gz-chen") -> None:
        self.set(presence.log_in, who)

    def pass_time(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.engine.tick(self.at)

    def call(self, call_id: str, number: str | None = CALLER) -> Pending:
        call = OfferedCall(call_id, "asterisk", "PJSIP/x", "020-12355", number)
        return self.engine.offered(call, self.at)

    def on(self, pending: Pending, event: Event) -> Pending:
        return self.engine.advanced(pending.call_id, pending.turn, event)

    def waits(self, call_id: str, number: str | None = CALLER) -> Pending:
        """A call that holds for law."""
        pending = self.on(self.call(call_id, number), DigitsCollected(self.at, "1"))
        assert isinstance(pending.verbs[-1], Hold)
        return pending

    def asks(self, pending: Pending) -> Pending:
        return self.on(pending, HoldEnded(self.at, "key", "8"))

    def agrees(self, call_id: str, number: str = CALLER) -> str:
        """Someone who has agreed and hung up; their order."""
        asked = self.asks(self.waits(call_id, number))
        self.on(asked, DigitsCollected(self.at, "1"))
        self.engine.hung_up(call_id, self.at)
        return asked.order_no

    @property
    def held(self) -> list[str]:
        return self.assembly.store.read(callbacks.held)

    def begin(self, call_id: str) -> Attempt | None:
        name = callbacks.waits_as(call_id)
        return self.engine.write(lambda tx: self.attempts.begin(tx, name, self.at))

    def attempt(self, call_id: str) -> Attempt:
        attempt = self.begin(call_id)
        assert attempt is not None
        return attempt

    def accepted(self, attempt: Attempt) -> Try | None:
        return self.engine.write(lambda tx: self.attempts.accepted(tx, attempt.id, self.at))

    def connected(self, attempt: Attempt, key: str = "1") -> bool:
        return self.engine.write(lambda tx: self.attempts.connected(tx, attempt.id, self.at, key))

    def ended(self, attempt: Attempt, result: Result, by: str | None = None) -> None:
        self.engine.write(lambda tx: self.attempts.ended(tx, attempt.id, result, self.at, by))

    def state(self, who: str = "gz-chen") -> str:
        def work(connection: Connection) -> str:
            c = roster.counselors.c
            row = connection.execute(roster.counselors.select().where(c.id == who)).one()
            return str(row.state)

        return self.assembly.store.read(work)

    def order(self, order_no: str) -> View:
        keys = self.assembly.log.keys
        return self.assembly.store.read(lambda c: order_view(c, keys, order_no))

    def kinds(self, order_no: str) -> list[str]:
        return [event["kind"] for event in self.order(order_no)["events"]]

    def explained(self) -> list[tuple[str, ...]]:
        """Whoever was taken for any order is whom its decisions, made once more, would take."""
        found: list[tuple[str, ...]] = []
        queued = select(orders.c.order_no).where(orders.c.t_queue.is_not(None))
        store, stations = self.assembly.store, self.assembly.stations
        for order_no in store.read(lambda c: list(c.execute(queued).scalars())):
            story = store.read(lambda c, of=order_no: story_of(c, stations, of, self.at))  # type: ignore[misc]
            taken = [decision for decision in story.decisions if decision.taken]
            assert [decision for decision in taken if not decision.agrees] == []
            found += [decision.taken for decision in taken]
        return found

    def row(self, order_no: str) -> callbacks.Callback | None:
        return self.assembly.store.read(lambda c: callbacks.of_order(c, order_no))

    def since(self, call_id: str) -> datetime:
        place = self.assembly.store.read(lambda c: waiting.place_of(c, call_id))
        assert place is not None
        return place.call.enqueued_at


@pytest.fixture
def line(tmp_path: Path, store_url: str) -> Iterator[Line]:
    line = Line(tmp_path, store_url)
    yield line
    line.explained()
    assembly = line.assembly
    assert verify(assembly.store, assembly.log.keys, assembly.settings.seal_file) == []
    assembly.store.close()


def test_from_key_8_to_the_talk_one_order_tells_it_all(line: Line) -> None:
    order_no = line.agrees("a")
    line.pass_time(90)
    line.free()
    assert line.held == ["a.callback"]
    attempt = line.attempt("a")
    assert (attempt.counselor_id, line.state()) == ("gz-chen", "ringing")
    line.pass_time(8)
    ring = line.accepted(attempt)
    assert ring is not None
    assert ring.number == "+8613570001234"
    assert "法律" not in ring.safe_to_talk
    line.pass_time(10)
    line.connected(attempt)
    assert line.state() == "on_call"
    line.pass_time(300)
    line.ended(attempt, Result.ACCEPTED, "caller")
    assert line.state() == "wrap_up"
    order = line.order(order_no)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    assert order["first_responder"] == "counselor:gz-chen"
    assert line.kinds(order_no) == [
        "offered", "queued", "topic_chosen", "notice_given", "callback_agreed", "callback_waits",
        "offer_made", "callback_tried", "callback_connected", "answered", "ended",
    ]  # fmt: skip
    assert line.row(order_no) is None
    assert line.explained() == [("gz-chen",)]


@pytest.mark.parametrize(("key", "priority"), [("*", 4), ("5", 3)])
def test_whoever_tells_of_danger_talks_with_the_counselor_who_is_there(
    line: Line, key: str, priority: int
) -> None:
    order_no = line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    line.accepted(attempt)
    line.pass_time(10)
    assert line.connected(attempt, key)
    assert line.state() == "on_call"
    assert line.order(order_no)["priority"] == priority
    assert "priority_raised" in line.kinds(order_no)
    line.ended(attempt, Result.ACCEPTED, "caller")
    assert line.order(order_no)["outcome"] == "answered"


def test_who_is_no_longer_held_is_joined_with_nobody(line: Line) -> None:
    line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    assert not line.connected(attempt)  # the caller was never rung
    line.accepted(attempt)
    line.pass_time(121)
    assert not line.connected(attempt)


def test_the_place_is_kept_among_those_on_the_line(line: Line) -> None:
    line.waits("first", "13570000001")
    line.pass_time(1)
    line.agrees("second", "13570000002")
    line.pass_time(1)
    line.waits("third", "13570000003")
    line.free()
    assert line.held == []  # the first is served first
    line.engine.hung_up("first", line.at)
    assert line.held == ["second.callback"]


def test_nobody_is_held_while_the_caller_is_on_the_line(line: Line) -> None:
    asked = line.asks(line.waits("a"))
    kept = line.on(asked, DigitsCollected(line.at, "1"))
    assert isinstance(kept.verbs[-1], Gather)
    line.free()
    assert (line.held, line.state()) == ([], "available")
    line.engine.hung_up("a", line.at)
    assert line.held == ["a.callback"]


def test_three_tries_spaced_then_a_task_for_the_station(line: Line) -> None:
    order_no = line.agrees("a")
    line.free()
    for number in (1, 2, 3):
        attempt = line.attempt("a")
        line.pass_time(5)
        assert line.accepted(attempt) is not None
        line.pass_time(30)
        line.ended(attempt, Result.NO_ANSWER)
        # No fault of the counselor's.
        assert line.state() == "available"
        if number < 3:
            line.pass_time(299)
            assert line.begin("a") is None
            line.pass_time(1)
    line.pass_time(3600)
    assert line.begin("a") is None
    order = line.order(order_no)
    assert (order["outcome"], order["outcomes"]) == ("callback_failed", ["回拨未通"])
    assert (order["handler"], order["closed_at"]) == ("station:440100", None)
    assert [each["clock"] for each in order["deadlines"]] == ["reply"]
    assert line.kinds(order_no).count("callback_tried") == 3
    assert line.row(order_no) is None


def test_a_child_who_does_not_pick_up_says_nothing_of_the_station(line: Line) -> None:
    line.agrees("a")
    line.free()
    for _ in range(3):
        attempt = line.attempt("a")
        line.accepted(attempt)
        line.pass_time(30)
        line.ended(attempt, Result.NO_ANSWER)
        line.pass_time(300)
    line.set(presence.pause, "gz-chen", "break")
    line.agrees("b")
    line.waits("c")
    assessment = Assessment(line.assembly.stations)
    store = line.assembly.store
    store.write(lambda c: assessment.reassess(c, assessment.look(c, (), line.at)))
    t = trials.station_trials.c
    trialled = store.read(lambda c: c.execute(select(t.trial).where(t.station == "440100")).all())
    assert [tuple(row) for row in trialled] == [("says_nothing",), ("says_nothing",)]


def test_a_counselor_whom_nobody_met_is_given_the_next_caller_at_once(line: Line) -> None:
    line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    assert line.accepted(attempt) is not None
    line.pass_time(5)
    waiting_on = line.waits("b", "13570000002")
    line.pass_time(25)
    line.ended(attempt, Result.NO_ANSWER)
    assert line.state() == "reserved"
    ringing = line.on(waiting_on, ReservationNoticed(line.at))
    assert isinstance(ringing.verbs[-1], Dial)


def test_no_attempt_rings_twice(line: Line) -> None:
    order_no = line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    assert line.begin("a") is None  # another engine looks at the same moment
    assert line.accepted(attempt) is not None
    assert line.accepted(attempt) is None  # the engine died, and another goes on
    for _ in range(2):
        line.ended(attempt, Result.BUSY)
    assert line.kinds(order_no).count("callback_not_answered") == 1
    line.pass_time(300)
    assert line.attempt("a").id == f"callback:{order_no}-2:1"


def test_a_counselor_who_does_not_answer_costs_no_try(line: Line) -> None:
    order_no = line.agrees("a")
    line.free()
    line.ended(line.attempt("a"), Result.NO_ANSWER)
    assert line.state() == "paused"
    line.free("gz-huang")
    attempt = line.attempt("a")
    assert attempt.counselor_id == "gz-huang"
    row = line.row(order_no)
    assert row is not None
    assert (row.attempts, row.tries) == (2, 0)


def test_nothing_could_be_placed(line: Line) -> None:
    order_no = line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    line.engine.write(lambda tx: line.attempts.not_placed(tx, attempt, line.at))
    assert line.state() == "available"
    assert line.begin("a") is None
    line.pass_time(1)
    line.free("gz-huang")
    other = line.attempt("a")
    assert other.counselor_id == "gz-huang"
    line.engine.write(lambda tx: line.attempts.not_placed(tx, other, line.at))
    assert line.begin("a") is None
    line.pass_time(60)
    assert line.begin("a") is not None
    assert "offer_failed" not in line.kinds(order_no)


def test_who_missed_one_ring_is_asked_again_later(line: Line) -> None:
    line.agrees("a")
    line.free()
    line.ended(line.attempt("a"), Result.NO_ANSWER)
    line.pass_time(1)
    line.free()
    assert line.held == []
    line.pass_time(300)
    assert line.attempt("a").counselor_id == "gz-chen"


def test_a_weak_home_rings_one_counselor_and_holds_no_other(line: Line) -> None:
    order_no = line.agrees("a")
    strong, weak = standing.State.STRONG, standing.State.WEAK
    place = ("440100", "law")

    def turn_weak(connection: Connection) -> None:
        seen = strength(Figures(Counts(answered=1, abandoned=9), Counts(answered=50), 0.9), 10)
        change = standings.write_down(connection, place, line.at, strong, weak, "so", seen)
        standings.save(connection, {place: Standing(weak, line.at, change_id=change.id)})

    line.assembly.store.write(turn_weak)
    line.pass_time(61)

    def come(connection: Connection) -> None:
        for who in ("gz-chen", "gd-he"):
            presence.log_in(connection, who, line.at)

    line.engine.counselors_changed(come, line.at)
    assert (line.state("gz-chen"), line.state("gd-he")) == ("reserved", "reserved")
    line.pass_time(1)
    attempt = line.attempt("a")
    assert attempt.counselor_id == "gd-he"
    assert (line.state("gz-chen"), line.state("gd-he")) == ("available", "ringing")
    line.pass_time(25)
    line.ended(attempt, Result.NO_ANSWER)
    made = [e["data"] for e in line.order(order_no)["events"] if e["kind"] == "offer_made"]
    assert made[0]["counselors"] == ["gd-he"]
    assert line.attempt("a").counselor_id == "gz-chen"


def test_an_attempt_is_one_counselors_and_no_others(line: Line) -> None:
    """Asterisk was away until the first was no longer held."""
    line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    line.pass_time(1)
    line.set(presence.log_in, "gz-huang")
    line.pass_time(90)
    assert line.state("gz-huang") == "available"
    line.ended(attempt, Result.NO_ANSWER)
    assert (line.state("gz-chen"), line.state("gz-huang")) == ("available", "available")
    line.pass_time(60)
    assert len(line.held) == 1


@pytest.mark.parametrize("rings", [False, True])
def test_a_number_that_was_deleted_is_nobodys_fault(line: Line, rings: bool) -> None:
    order_no = line.agrees("a")
    line.free()
    attempt = line.attempt("a") if rings else None
    log = line.assembly.log
    line.assembly.store.write(lambda c: log.forget(c, order_no, line.at, "system", "asked"))
    if attempt is None:
        assert line.begin("a") is None
    else:
        assert line.accepted(attempt) is None
        line.ended(attempt, Result.NO_ANSWER)
    assert line.state() == "available"
    assert line.row(order_no) is None
    assert line.order(order_no)["t_end"] is not None


def test_an_attempt_of_a_machine_that_is_gone_ends_with_the_callback(line: Line) -> None:
    order_no = line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    gone = PlacedCall(attempt.id, "asterisk-gone", attempt.counselor_id, b"x", line.at)
    line.assembly.store.write(lambda c: placed_calls.commit(c, gone))
    for _ in range(26):
        line.pass_time(300)
    assert line.row(order_no) is None
    assert line.order(order_no)["outcomes"] == ["回拨未通"]


def test_who_calls_again_takes_the_place_over(line: Line) -> None:
    order_no = line.agrees("a")
    since = line.since("a.callback")
    line.pass_time(100)
    again = line.waits("b")
    assert line.since("b") == since
    line.free()
    assert (line.held, line.begin("a")) == ([], None)
    order = line.order(order_no)
    assert order["outcome"] == "called_again"
    cancelled = next(e for e in order["events"] if e["kind"] == "callback_cancelled")
    assert cancelled["data"] == {"reason": "called_again", "order": again.order_no}
    assert "callback_taken_over" in line.kinds(again.order_no)


def test_who_rang_in_and_reached_nobody_is_called_back_all_the_same(line: Line) -> None:
    order_no = line.agrees("a")
    line.free()
    assert line.held == ["a.callback"]
    line.pass_time(30)
    again = line.call("b")
    line.pass_time(1)
    assert (line.held, line.state()) == ([], "available")  # nobody rings a telephone that talks
    line.engine.hung_up("b", line.at)
    assert line.held == ["a.callback"]
    assert line.order(again.order_no)["outcome"] == "abandoned_in_menu"
    line.engine.served_without_us(
        OfferedCall("c", "asterisk", "PJSIP/x", "020-12355", CALLER), line.at, None, []
    )
    assert line.held == ["a.callback"]
    assert line.order(order_no)["t_end"] is None


def test_who_rang_in_and_reached_somebody_is_not_called_back(line: Line) -> None:
    order_no = line.agrees("a")
    line.engine.served_without_us(
        OfferedCall("b", "asterisk", "PJSIP/x", "020-12355", CALLER),
        line.at, DialResult.ANSWERED, [],
    )  # fmt: skip
    assert line.row(order_no) is None
    assert line.order(order_no)["outcome"] == "called_again"


def test_an_old_attempt_ends_while_the_caller_is_back(line: Line) -> None:
    order_no = line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    assert line.accepted(attempt) is not None
    line.call("b")
    assert not line.connected(attempt)
    line.ended(attempt, Result.NO_ANSWER)
    line.pass_time(400)
    assert line.held == []
    line.engine.hung_up("b", line.at)
    assert line.held == ["a.callback"]
    row = line.row(order_no)
    assert row is not None
    assert row.tries == 1


@pytest.mark.parametrize("dropped", ["last_resort", "lost", "back"])
def test_danger_is_not_redialled_by_machine(line: Line, dropped: str) -> None:
    asked = line.asks(line.waits("a"))
    kept = line.on(asked, DigitsCollected(line.at, "1"))
    call = OfferedCall("a", "asterisk", "PJSIP/x", "020-12355", CALLER)
    if dropped == "last_resort":
        line.engine.served_without_us(call, line.at, DialResult.NO_ANSWER, [], crisis=True)
        assert line.order(kept.order_no)["priority"] == 4
    elif dropped == "lost":
        line.on(kept, DigitsCollected(line.at, "*"))
        line.engine.lost("a", line.at)
    else:
        line.engine.hung_up("a", line.at)
        back = replace(call, call_id="b")
        line.engine.served_without_us(back, line.at, None, [], crisis=True)
    line.free()
    assert line.held == []
    assert line.row(kept.order_no) is None
    order = line.order(kept.order_no)
    assert order["t_end"] is not None
    if dropped == "last_resort":
        assert "review" in [each["clock"] for each in order["deadlines"]]


def test_cancelled_while_the_counselors_telephone_rings(line: Line) -> None:
    line.agrees("a")
    line.free()
    attempt = line.attempt("a")
    back = line.on(line.call("b"), DigitsCollected(line.at, "1"))
    assert isinstance(back.verbs[-1], Dial)
    assert line.accepted(attempt) is None
    line.ended(attempt, Result.NO_ANSWER)
    assert line.state() == "ringing"  # for the caller who is back


def test_an_agreement_outlives_asterisk(line: Line) -> None:
    asked = line.asks(line.waits("a"))
    line.on(asked, DigitsCollected(line.at, "1"))
    line.engine.lost("a", line.at)
    line.free()
    assert line.held == ["a.callback"]
    assert line.order(asked.order_no)["t_end"] is None


def test_a_star_after_the_agreement_is_a_crisis_in_the_same_place(line: Line) -> None:
    asked = line.asks(line.waits("a"))
    since = line.since("a")
    line.pass_time(5)
    kept = line.on(asked, DigitsCollected(line.at, "1"))
    crisis = line.on(kept, DigitsCollected(line.at, "*"))
    assert crisis.crisis
    assert line.since("a") == since
    line.engine.hung_up("a", line.at)
    assert line.begin("a") is None
    assert line.order(crisis.order_no)["outcome"] == "abandoned_in_queue"


@pytest.mark.parametrize("number", [None, "12345", "02012345", "+85223456789", "4008123456"])
def test_no_callback_to(line: Line, number: str | None) -> None:
    """A withheld number, a short code, one abroad, one that costs."""
    waiting_on = line.asks(line.waits("a", number))
    assert isinstance(waiting_on.verbs[-1], Hold)
    assert any("没法回电" in getattr(verb, "text", "") for verb in waiting_on.verbs)


def test_no_callback_to_a_number_that_many_share(line: Line) -> None:
    hashed = caller_hash(line.assembly.log.keys, f"+86{CALLER}")
    until = BEGAN + timedelta(days=300)
    line.assembly.store.write(
        lambda c: number_flags.say(
            c, hashed, number_flags.Kind.SHARED, BEGAN, until, "gz-chen", "a school"
        )
    )
    assert isinstance(line.asks(line.waits("a")).verbs[-1], Hold)


def test_a_call_from_a_number_that_has_come_to_be_shared_ends_no_callback(line: Line) -> None:
    order_no = line.agrees("a")
    hashed = caller_hash(line.assembly.log.keys, f"+86{CALLER}")
    until = BEGAN + timedelta(days=300)
    line.assembly.store.write(
        lambda c: number_flags.say(
            c, hashed, number_flags.Kind.SHARED, BEGAN, until, "gz-chen", "a school"
        )
    )
    line.waits("b")
    assert line.row(order_no) is not None


def test_no_callback_for_who_presses_5(line: Line) -> None:
    silent = line.on(line.waits("a"), HoldEnded(line.at, "key", "5"))
    assert silent.crisis
    on = line.on(silent, HoldEnded(line.at, "key", "8"))
    assert isinstance(on.verbs[-1], Hold)
    assert line.row(on.order_no) is None


def test_kept_too_long(line: Line) -> None:
    order_no = line.agrees("a")
    for _ in range(24):
        line.pass_time(300)
    assert line.order(order_no)["outcome"] == "callback_failed"
    line.free()
    assert line.begin("a") is None


def test_a_station_that_is_gone_stops_nobody_elses_call(line: Line) -> None:
    order_no = line.agrees("a")

    def rename(connection: Connection) -> None:
        for table in (callbacks.callbacks, waiting.waiting_calls):
            connection.execute(update(table).values(home="999999"))

    line.assembly.store.write(rename)
    other = line.waits("b", "13570000002")
    line.pass_time(301)
    line.free()
    assert line.assembly.store.read(lambda c: line.engine.house.offers.reserved(c, other.call_id))
    for _ in range(24):
        line.pass_time(300)
    assert line.order(order_no)["outcome"] == "callback_failed"


def test_a_callback_that_fails_stops_no_other(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.agrees("a", "13570000001")
    second = line.agrees("b", "13570000002")
    look_at = CallbackAttempts.look_at

    def fails(law: CallbackAttempts, tx: Transaction, order_no: str, at: datetime) -> None:
        if order_no != second:
            raise LookupError
        look_at(law, tx, order_no, at)

    monkeypatch.setattr(CallbackAttempts, "look_at", fails)
    with capture_logs() as told:
        for _ in range(24):
            line.pass_time(300)
    assert "callback_not_looked_at" in {each["event"] for each in told}
    assert line.row(second) is None


HAPPENINGS = st.one_of(
    st.tuples(st.just("time"), st.sampled_from([1, 30, 100, 301, 3000])),
    st.tuples(st.sampled_from(["begin", "free", "ring_in", "call_again"]), st.just(0)),
    st.tuples(st.sampled_from(["accepted", "connected"]), st.integers(0, 4)),
    st.tuples(
        st.sampled_from(["no_answer", "busy", "not_accepted", "not_placed", "accepted_result"]),
        st.integers(0, 4),
    ),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=st.lists(HAPPENINGS, min_size=5, max_size=40))
def test_whatever_happens_no_attempt_rings_twice_and_three_ring_at_most(
    line: Line, happenings: list[tuple[str, int]]
) -> None:
    """Reports come late, twice, and from engines that were lost: `number` is how old the attempt is
    that one is about."""
    line.serial += 1
    caller, call_id = f"1357{line.serial:07d}", f"call-{line.serial}"
    line.set(presence.pause, "gz-chen", "break")
    order_no = line.agrees(call_id, caller)
    attempts: list[Attempt] = []
    rung: list[str] = []
    over = False
    for step, (what, number) in enumerate([*happenings, ("time", 7200), ("time", 7200)]):
        about = attempts[-1 - number] if number < len(attempts) else None
        match what:
            case "time":
                line.pass_time(number)
            case "free":
                if line.state() in ("paused", "wrap_up"):
                    line.free()
            case "begin":
                begun = line.begin(call_id)
                attempts += [begun] if begun else []
            case "ring_in" | "call_again":
                again = line.call(f"{call_id}-{step}", caller)
                if what == "call_again":
                    line.on(again, DigitsCollected(line.at, "1"))
                line.engine.hung_up(again.call_id, line.at)
                talking = line.row(order_no)
                over = over or talking is None
            case "accepted":
                ring = line.accepted(about) if about else None
                if about is not None and ring is not None:
                    assert not over
                    rung.append(about.id)
            case "connected":
                if about is not None and about.id in rung:
                    line.connected(about)
            case _:
                if about is not None:
                    result = Result.ACCEPTED if what == "accepted_result" else Result(what)
                    line.ended(about, result)
    assert len(set(rung)) == len(rung) <= 3
    for attempt in attempts:
        line.ended(attempt, Result.NO_ANSWER)
    line.pass_time(7200)
    assert line.row(order_no) is None
    assert line.order(order_no)["outcome"] in ("answered", "callback_failed", "called_again")
    assert line.kinds(order_no).count("callback_tried") == len(rung)


# Asked for on the callers' page, with a number that may be anybody's.


def asked_on_the_page(line: Line, hours: str = "") -> str:
    left = Left(
        Wish.CALLBACK, "", f"+86{CALLER}", SafeContact(hours=hours, may_identify=False), GUANGZHOU,
        "zh-CN",
    )  # fmt: skip
    return line.assembly.store.write(lambda c: leave(c, line.assembly, left, line.at))


def rung(line: Line, order_no: str) -> tuple[Attempt, Try]:
    """A counselor is free, held, rung and accepts: whom that leg is to ring."""
    line.free()
    line.pass_time(1)
    (name,) = line.assembly.store.read(callbacks.held)
    attempt = line.engine.write(lambda tx: line.attempts.begin(tx, name, line.at))
    assert attempt is not None
    ring = line.engine.write(lambda tx: line.attempts.accepted(tx, attempt.id, line.at))
    assert ring is not None
    return attempt, ring


def over(line: Line, attempt: Attempt, result: Result) -> None:
    line.engine.write(lambda tx: line.attempts.ended(tx, attempt.id, result, line.at))


def told_of(line: Line, order_no: str) -> View:
    keys = line.assembly.log.keys
    return line.assembly.store.read(lambda c: order_view(c, keys, order_no))


def kinds_of(line: Line, order_no: str) -> list[str]:
    return [event["kind"] for event in told_of(line, order_no)["events"]]


def test_a_request_of_the_page_is_a_place_in_the_queue(line: Line) -> None:
    order_no = asked_on_the_page(line)
    assert told_of(line, order_no)["t_end"] is None
    line.pass_time(60)
    attempt, ring = rung(line, order_no)
    assert ring.number == f"+86{CALLER}"
    assert "请按9" in ring.safe_to_talk
    assert "12355" not in ring.safe_to_talk
    about = line.assembly.store.read(lambda c: line.attempts.about(c, attempt.id))
    assert about.typed, "the counselor is told"
    assert line.engine.write(lambda tx: line.attempts.connected(tx, attempt.id, line.at))
    line.pass_time(100)
    over(line, attempt, Result.ACCEPTED)
    order = told_of(line, order_no)
    assert (order["outcome"], order["first_responder"]) == ("answered", "counselor:gz-chen")
    assert kinds_of(line, order_no)[1:5] == [
        "callback_asked", "queued", "callback_agreed", "callback_waits",
    ]  # fmt: skip
    log = line.assembly.log
    assert verify(line.assembly.store, log.keys, line.assembly.settings.seal_file) == []


def test_whoever_asked_for_nothing_is_never_rung_by_a_page_again(line: Line) -> None:
    order_no = asked_on_the_page(line)
    attempt, _ = rung(line, order_no)
    line.engine.write(lambda tx: line.attempts.refused(tx, attempt.id, line.at))
    over(line, attempt, Result.NOT_ACCEPTED)
    assert "callback_refused" in kinds_of(line, order_no)
    assert told_of(line, order_no)["outcomes"] is None, "no task to call there"
    hashed = caller_hash(line.assembly.log.keys, f"+86{CALLER}")

    def may_be_asked() -> bool:
        return line.assembly.store.read(lambda c: may_be_asked_for(c, hashed, line.at))

    line.pass_time(30 * 24 * 3600)
    assert not may_be_asked()


def test_whoever_answers_and_agrees_to_nothing_is_not_rung_twice(line: Line) -> None:
    order_no = asked_on_the_page(line)
    attempt, _ = rung(line, order_no)
    over(line, attempt, Result.NOT_ACCEPTED)
    assert told_of(line, order_no)["outcomes"] == ["回拨未通"]
    line.pass_time(400)
    assert line.assembly.store.read(callbacks.held) == []


def test_a_number_has_one_request_at_a_time(line: Line) -> None:
    asked_on_the_page(line)
    hashed = caller_hash(line.assembly.log.keys, f"+86{CALLER}")
    assert not line.assembly.store.read(lambda c: may_be_asked_for(c, hashed, line.at))


def test_whoever_wrote_when_it_is_safe_is_called_by_a_person(line: Line) -> None:
    order_no = asked_on_the_page(line, hours="放学后")
    assert "callback_waits" not in kinds_of(line, order_no)
    assert "message_waits" in kinds_of(line, order_no)


def test_whoever_is_not_reached_in_time_is_a_task(line: Line) -> None:
    order_no = asked_on_the_page(line)
    line.pass_time(7201)
    assert told_of(line, order_no)["outcomes"] == ["回拨未通"]
