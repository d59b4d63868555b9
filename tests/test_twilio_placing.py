"""Test calls on Twilio: what is told of each, and that no death makes a telephone ring twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from structlog.testing import capture_logs

from agents import roster
from agents.roster import Contact
from ivr import placed_calls, placing_command_line
from ivr.attempts import Attempts
from ivr.placed_calls import AlreadyRinging, PlacedCall, Result
from ivr.placing import CannotRing, Placing, Wanted
from ivr.rooms import Rooms
from ivr.synthetic_calls import THANKS, WORDS, ring, told
from ivr.twilio.placing import LISTED_WITHIN, LOOKED_AFTER, TwilioPlacing
from ivr.twilio.rest import TwilioRest
from tests.twilio_line import CALLER, NUMBER, TwilioLine
from tests.twilio_stand_in import Party, Reply

PHONES = {
    "gz-chen": "client:chen",
    "gz-fang": "+8613900001111",
    "gz-sip": "sip:sun@phones.example.cn",
}
CHEN = [Contact("twilio_client", "chen")]
SECOND = 1.0
JOB = 15.0
LONG = LISTED_WITHIN.total_seconds() + 2 * JOB


class Died(BaseException):
    """Our process is gone."""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path)
    jobs(line)
    yield line
    assert line.orders() == [] or any(order["caller"] for order in line.orders())
    line.close()


def jobs(line: TwilioLine) -> None:
    """The engine's job, from now on."""

    def again() -> None:
        line.carrier.placing.reconcile()
        line.clock.after(JOB, again)

    line.clock.after(JOB, again)


def rung(line: TwilioLine, who: str = "gz-chen") -> PlacedCall:
    return ring(
        line.assembly.store,
        Placing(line.assembly.store, [line.carrier.placing]),
        who,
        line.clock.now,
        lambda: line.clock.run_for(SECOND),
    )


def attempts(line: TwilioLine) -> list[PlacedCall]:
    def work(connection: Connection) -> list[PlacedCall]:
        table = placed_calls.placed_calls
        rows = connection.execute(table.select().order_by(table.c.committed_at))
        return [PlacedCall(*row) for row in rows]

    return line.assembly.store.read(work)


def results(line: TwilioLine) -> list[str | None]:
    return [call.result for call in attempts(line)]


class Rest:
    """Twilio's REST side; `place` is another."""

    def __init__(self, line: TwilioLine, place: Callable[..., str]) -> None:
        self._rest = line.carrier._rest
        self.place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rest, name)


def placing(line: TwilioLine, rest: Any) -> TwilioPlacing:
    store, now = line.assembly.store, line.clock.now
    keys, addresses = line.assembly.log.keys, line.carrier.addresses
    return TwilioPlacing(store, keys, Attempts(store, now), rest, addresses, NUMBER, now)


def dies(line: TwilioLine, *, after: bool) -> TwilioPlacing:
    """Of a process that dies before its request to Twilio, or before it hears the answer."""
    place = line.carrier._rest.place

    def die(*what: Any) -> str:
        if after:
            place(*what)
        raise Died

    return placing(line, Rest(line, die))


def deaf(line: TwilioLine, seconds: float) -> None:
    """Our webhooks can't be reached for so long."""
    inside = line._inside

    def refused(*_request: Any) -> Reply:
        raise ConnectionError

    def heals() -> None:
        line._inside = inside

    line._inside = refused
    line.clock.after(seconds, heals)


@pytest.mark.parametrize(("who", "address"), PHONES.items())
def test_a_person_accepts(line: TwilioLine, who: str, address: str) -> None:
    phone = line.twilio.party(address, answers_after=3, keys=[(5, "1")])
    call = rung(line, who)
    assert told(call) == "accepted"
    line.clock.run_for(10)
    [leg] = phone.legs
    assert leg.from_ == NUMBER
    assert leg.said == [WORDS.text, THANKS.text]
    assert leg.status == "completed"
    assert line.orders() == []


@pytest.mark.parametrize(
    ("outcome", "line_told"),
    [
        ("answers", "answered, but nobody pressed 1"),
        ("no-answer", "not answered"),
        ("declines", "not answered: busy or declined"),
        ("busy", "not answered: busy or declined"),
        ("failed", "couldn't be placed: nothing can be reached there"),
    ],
)
def test_nobody_accepts(line: TwilioLine, outcome: Any, line_told: str) -> None:
    phone = line.twilio.party("+8613900001111", outcome)
    assert told(rung(line, "gz-fang")) == line_told
    line.clock.run_for(LONG)
    assert len(phone.legs) == 1


def test_another_key_is_no_acceptance(line: TwilioLine) -> None:
    line.twilio.party("client:chen", keys=[(5, "2")])
    assert told(rung(line)) == "answered, but nobody pressed 1"


def test_what_twilio_refuses_is_told_without_the_number(line: TwilioLine) -> None:
    del line.twilio.numbers[NUMBER]
    with capture_logs() as logs:
        call = rung(line, "gz-fang")
    assert told(call) == (
        "couldn't be placed: Twilio refuses it, see https://www.twilio.com/docs/errors/21210"
    )
    assert "8613900001111" not in f"{logs}{attempts(line)}"


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("gz-nobody", "no counselor gz-nobody"),
        (
            "gz-zhao",
            "gz-zhao has no telephone that this line reaches",
        ),
    ],
)
def test_who_cannot_be_rung_is_told(line: TwilioLine, who: str, why: str) -> None:
    zhao = roster.Counselor("gz-zhao", "赵", "8009", "440100", contacts=(Contact("sip", "8009"),))
    line.assembly.store.write(lambda c: roster.add(c, zhao, line.clock.now()))
    with pytest.raises(CannotRing) as error:
        rung(line, who)
    assert str(error.value) == why
    assert attempts(line) == []


def test_who_talks_with_a_caller_is_left_in_peace(line: TwilioLine) -> None:
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", answers_after=1, talks=20)
    call = line.busy("gz-chen")
    with pytest.raises(CannotRing, match="is on a call"):
        rung(line)
    line.clock.run_until(lambda: call.status == "completed")


def test_a_telephone_is_rung_once_at_a_time(line: TwilioLine) -> None:
    line.twilio.party("client:chen", "no-answer")
    line.carrier.placing.place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(5)
    with pytest.raises(AlreadyRinging):
        rung(line)
    line.clock.run_for(60)
    assert results(line) == ["no_answer"]


def test_dead_before_twilio_was_asked(line: TwilioLine) -> None:
    chen = line.twilio.party("client:chen", keys=[(5, "1")])
    with pytest.raises(Died):
        dies(line, after=False).place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(LISTED_WITHIN.total_seconds())
    assert chen.legs == []
    line.clock.run_for(120)
    assert results(line) == ["not_placed", "accepted"]
    assert len(chen.legs) == 1


@pytest.mark.parametrize("unheard", [0.0, 120.0])
def test_dead_before_twilio_answered(line: TwilioLine, unheard: float) -> None:
    chen = line.twilio.party("client:chen", keys=[(5, "1")])
    deaf(line, unheard)
    with pytest.raises(Died):
        dies(line, after=True).place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(300)
    assert results(line) == ["not_accepted" if unheard else "accepted"]
    assert len(chen.legs) == 1
    line.twilio.alerts.clear()


@pytest.mark.parametrize("how", ["unanswered", "refused", "503"])
def test_twilio_does_not_answer(line: TwilioLine, how: Any) -> None:
    chen = line.twilio.party("client:chen", keys=[(5, "1")])
    line.api.outage = how
    line.clock.after(5, line.api.comes_back)
    assert told(rung(line)) == "accepted"
    assert len(chen.legs) == 1
    assert len(attempts(line)) == (1 if how == "unanswered" else 2)


def test_twilio_is_gone_for_long(line: TwilioLine) -> None:
    chen = line.twilio.party("client:chen", keys=[(5, "1")])
    line.api.goes_down("refused", 600)
    assert told(rung(line)).startswith("nothing came of it")
    line.clock.run_for(900)
    assert results(line) == ["not_placed"]
    assert chen.legs == []


def test_its_webhooks_are_faster_than_the_answer(line: TwilioLine) -> None:
    line.twilio.party("client:chen", keys=[(5, "1")])
    place = line.carrier._rest.place

    def slow(*what: Any) -> str:
        sid = place(*what)
        line.clock.run_for(20)
        return sid

    placing(line, Rest(line, slow)).place(Wanted("test:one:1", "gz-chen"), CHEN)
    [call] = attempts(line)
    assert (call.result, call.channel) == ("accepted", next(iter(line.twilio.calls)))


def test_what_twilio_tells_comes_in_any_order_and_twice(line: TwilioLine) -> None:
    line.twilio.party("client:chen", answers_after=3, keys=[(5, "1")])
    delays = iter([40.0, 30.0, 20.0, 0.0])
    line.twilio.callback_delay = lambda url: next(delays)
    assert told(rung(line)) == "accepted"
    line.clock.run_for(60)
    before = attempts(line)
    for exchange in reversed(list(line.twilio.exchanges)):
        line.twilio.resend(exchange)
        line.clock.run_for(1)
    assert attempts(line) == before


def test_an_end_that_is_not_told_is_found(line: TwilioLine) -> None:
    chen = line.twilio.party("client:chen", answers_after=20)
    line.carrier.placing.place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(5)
    chen.legs[0].end_silently()
    line.clock.run_for(LOOKED_AFTER.total_seconds() - 10)
    assert results(line) == [None]
    line.clock.run_for(2 * JOB)
    assert results(line) == ["no_answer"]


# Call resource, StartTime: empty if the call has not yet been dialed.
def test_a_call_that_twilio_has_not_dialled_yet_is_found(line: TwilioLine) -> None:
    chen = line.twilio.party("client:chen", keys=[(5, "1")])
    line.twilio.queued_seconds = 100
    with pytest.raises(Died):
        dies(line, after=True).place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(200)
    assert results(line) == ["accepted"]
    assert len(chen.legs) == 1


def test_a_callers_ringing_is_not_taken_for_the_test_call(line: TwilioLine) -> None:
    chen = line.twilio.party("client:chen", "no-answer")
    line.logs_in("gz-chen")
    with pytest.raises(Died):
        dies(line, after=False).place(Wanted("test:one:1", "gz-chen"), CHEN)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.clock.run_until(lambda: bool(chen.legs), within=30)
    line.clock.run_for(LONG + 60)
    assert results(line) == ["not_placed", "no_answer"]
    call.hang_up()
    line.clock.run_for(5)


def test_who_got_another_telephone_meanwhile_is_not_rung(line: TwilioLine) -> None:
    chen = line.twilio.party("client:chen")
    with pytest.raises(Died):
        dies(line, after=False).place(Wanted("test:one:1", "gz-chen"), CHEN)

    def change(connection: Connection) -> None:
        who = roster.get(connection, "gz-chen")
        assert who is not None
        another = replace(who, contacts=(Contact("twilio_client", "chen_new"),))
        roster.add(connection, another, line.clock.now())

    line.assembly.store.write(change)
    line.clock.run_for(LONG)
    [call] = attempts(line)
    assert (call.result, call.reason) == ("not_placed", "the roster has changed meanwhile")
    assert chen.legs == []


def test_a_process_that_slept_before_its_request_makes_none(line: TwilioLine) -> None:
    chen = line.twilio.party("client:chen", keys=[(5, "1")])
    now = line.clock.now
    moments = iter([now(), now() + timedelta(hours=1)])
    late = placing(line, line.carrier._rest)
    late._attempts._now = lambda: next(moments)
    late.place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(5)
    assert chen.legs == []


def test_a_call_that_was_given_up_is_over_when_somebody_picks_up(line: TwilioLine) -> None:
    line.twilio.party("client:chen", keys=[(5, "1")])
    line.carrier.placing.place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.assembly.store.write(
        lambda c: placed_calls.ended(c, "test:one:1", Result.NOT_PLACED, line.clock.now())
    )
    store = line.assembly.store
    table = placed_calls.placed_calls
    store.write(lambda c: c.execute(table.update().values(channel=None)))
    with capture_logs() as logs:
        line.clock.run_for(30)
    [leg] = line.twilio.calls.values()
    assert (leg.status, leg.said) == ("completed", [])
    assert "placed_call_given_up" in [entry["event"] for entry in logs]
    assert results(line) == ["not_placed"]


def test_a_call_whose_telephone_somebody_else_needs_is_ended(line: TwilioLine) -> None:
    line.twilio.party("client:chen", "no-answer")
    line.carrier.placing.place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(5)
    [call] = attempts(line)
    line.assembly.store.write(lambda c: placed_calls.give_up(c, call.id))
    for _ in range(2):
        line.carrier.placing.hang_up(call)
        line.clock.run_for(1)
    [leg] = line.twilio.calls.values()
    assert leg.status == "canceled"
    assert results(line) == ["given_up"]


def test_a_call_that_nobody_heard_of_is_ended_before_its_telephone_is_free(
    line: TwilioLine,
) -> None:
    line.twilio.party("client:chen", "no-answer")
    with pytest.raises(Died):
        dies(line, after=True).place(Wanted("test:one:1", "gz-chen"), CHEN)
    deaf(line, 3)
    line.clock.run_for(3)
    [call] = attempts(line)
    assert call.channel is None
    line.assembly.store.write(lambda c: placed_calls.give_up(c, call.id))
    line.carrier.placing.hang_up(call)
    line.clock.run_for(2)
    [leg] = line.twilio.calls.values()
    assert leg.status == "canceled"
    [call] = attempts(line)
    assert (call.result, call.channel) == ("given_up", leg.sid)
    assert call.ended_at is not None
    line.twilio.alerts.clear()


def test_who_picks_up_a_call_that_is_being_given_up_hears_nothing(line: TwilioLine) -> None:
    line.twilio.party("client:chen", answers_after=3, keys=[(5, "1")])
    line.carrier.placing.place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(1)
    line.assembly.store.write(lambda c: placed_calls.give_up(c, "test:one:1"))
    line.clock.run_for(10)
    [leg] = line.twilio.calls.values()
    assert (leg.status, leg.said) == ("completed", [])
    assert results(line) == ["given_up"]


def test_only_twilio_may_tell(line: TwilioLine) -> None:
    line.twilio.signing.token = "0" * 32
    line.twilio.party("client:chen", keys=[(5, "1")])
    line.carrier.placing.place(Wanted("test:one:1", "gz-chen"), CHEN)
    line.clock.run_for(60)
    assert {exchange.status for exchange in line.twilio.exchanges} == {403}
    assert results(line) == [None]
    line.twilio.alerts.clear()


@pytest.mark.parametrize(
    ("keys", "code", "printed"),
    [([(5, "1")], 0, "accepted"), ([], 1, "answered, but nobody pressed 1")],
)
def test_the_command_prints_one_line(
    line: TwilioLine, monkeypatch: pytest.MonkeyPatch, keys: Any, code: int, printed: str
) -> None:
    line.twilio.party("client:chen", keys=keys)
    rest: TwilioRest = line.carrier._rest
    monkeypatch.setattr(placing_command_line, "TwilioRest", lambda *login: rest)
    monkeypatch.setattr(placing_command_line, "_now", line.clock.now)
    monkeypatch.setattr(placing_command_line, "_pause", lambda: line.clock.run_for(SECOND))
    rooms = Rooms(line.settings.model_copy(update={"asterisk": False}))
    command = placing_command_line.test_call
    answer = CliRunner().invoke(command, ["gz-chen"], obj=rooms)
    assert (answer.exit_code, answer.output.splitlines()[-1]) == (code, printed)
    refused = CliRunner().invoke(command, ["gz-nobody"], obj=rooms)
    told_why = refused.output.splitlines()[-1]
    assert (refused.exit_code, told_why) == (1, "Error: no counselor gz-nobody")
    rooms.close()


@pytest.fixture(scope="module")
def old_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwilioLine]:
    """One for many calls."""
    line = TwilioLine(tmp_path_factory.mktemp("line"))
    jobs(line)
    yield line
    line.twilio.alerts.clear()
    line.close()


DEATHS = st.sampled_from(["none", "before", "after"])
OUTAGES = st.sampled_from([None, "unanswered", "refused", "503"])
SECONDS = st.floats(0, 240)


@settings(max_examples=30)
@given(
    death=DEATHS,
    outage=OUTAGES,
    out_for=SECONDS,
    unheard_for=SECONDS,
    queued=st.sampled_from([0.2, 30.0, 100.0]),
    delays=st.lists(SECONDS, min_size=8, max_size=8),
    outcome=st.sampled_from(["answers", "declines", "busy", "no-answer", "failed"]),
    presses=st.booleans(),
)
def test_whatever_dies_no_attempt_rings_twice_and_each_ends(
    old_line: TwilioLine,
    death: str,
    outage: Any,
    out_for: float,
    unheard_for: float,
    queued: float,
    delays: list[float],
    outcome: Any,
    presses: bool,
) -> None:
    line = old_line
    known = len(attempts(line))
    keys = [(5.0, "1")] if presses else []
    chen: Party = line.twilio.party("client:chen", outcome, keys=keys)
    told_after = iter(delays)
    line.twilio.callback_delay = lambda url: next(told_after, 0.0)
    line.twilio.queued_seconds = queued
    line.api.outage = outage
    line.clock.after(out_for, line.api.comes_back)
    deaf(line, unheard_for)
    ours = line.carrier.placing if death == "none" else dies(line, after=death == "after")
    with contextlib.suppress(Died):
        ours.place(Wanted(f"test:example-{known}:1", "gz-chen"), CHEN)
    line.clock.run_for(1200)
    made = attempts(line)[known:]
    assert all(call.ended_at for call in made)
    assert 1 <= len(made) <= 2
    rang = [call for call in made if call.channel is not None]
    assert len(chen.legs) == len(rang) <= 1
