"""Two things at one moment: who rings is not cut off, who talks is not torn away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.database import StoreUnavailable
from ivr.pending import OfferedCall
from tests.postgresql import PostgreSQL
from tests.twilio_line import CALLER, NUMBER, PUBLIC, TwilioLine, kinds
from tests.twilio_stand_in.fetching import Reply
from tests.twilio_stand_in.leg import Leg

BIN = f"{PUBLIC}/bin"
DUTY = "+8613900002222"
RINGS_DUTY = f"<Response><Dial callerId='{NUMBER}'>{DUTY}</Dial></Response>"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path)
    yield line
    line.close()


def in_the_whisper(line: TwilioLine, talks: float) -> Leg:
    """A caller whose counselor has picked up, and is being told who calls."""
    line.logs_in("gz-chen")
    chen = line.twilio.party("client:chen", answers_after=2, talks=talks)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.clock.run_until(lambda: bool(chen.legs and chen.legs[0].said), within=60)
    return call


def serve_fallback(line: TwilioLine) -> None:
    """The number's fallback is somewhere else, and rings a duty phone."""
    inside = line._inside

    def fetch(method, url, form, headers):  # type: ignore[no-untyped-def]
        answer = inside(method, url, form, headers)
        if not url.endswith("/bin"):
            return answer
        body = RINGS_DUTY.encode()
        return answer._replace(status=200, body=body, headers={"Content-Type": "text/xml"})

    line._inside = fetch
    number = line.twilio.numbers[NUMBER]
    line.twilio.numbers[NUMBER] = replace(number, voice_fallback_url=BIN)


# Dial, DialBridged: a caller who has gone while something was said to the called was never
# connected.
def test_who_leaves_during_the_whisper_was_not_answered(line: TwilioLine) -> None:
    call = in_the_whisper(line, talks=20)
    call.hang_up(after=0.5)
    line.clock.run_for(30)
    [order] = line.orders()
    assert order["outcome"] == "abandoned_in_queue"
    assert "answered" not in kinds(order)
    assert order["first_responder"] is None


def test_an_answer_is_told_when_they_meet_not_when_the_call_is_over(line: TwilioLine) -> None:
    call = in_the_whisper(line, talks=60)
    assert line.state("gz-chen") == "ringing"
    line.clock.run_until(lambda: any(h.kind == "talk" for h in call.heard), within=10)
    line.clock.run_for(2)
    assert line.state("gz-chen") == "on_call"
    call.hang_up()
    line.clock.run_for(2)


def test_who_answered_is_known_though_the_engine_that_heard_of_it_is_gone(
    line: TwilioLine,
) -> None:
    call = in_the_whisper(line, talks=20)
    line.carrier._calls._meetings.clear()
    line.until_over(call)
    [order] = line.orders()
    assert order["outcome"] == "answered"
    assert order["first_responder"] == "counselor:gz-chen"
    assert kinds(order).count("answered") == 1


# Member resource: only a call that is in the queue is let out of it.
def test_who_has_looked_already_is_not_torn_from_the_ringing(line: TwilioLine) -> None:
    line.wakes = False
    line.logs_in("gz-chen")
    chen = line.twilio.party("client:chen", answers_after=3, talks=20)
    line.busy("gz-chen")
    second = line.behind()
    line.clock.run_until(lambda: second.has_heard("music"), within=30)
    [_, waiting] = line.controller.open_calls()
    line.clock.run_until(lambda: len(chen.legs) == 2, within=120)
    address = line.carrier.addresses.reserved(waiting.turn)
    line.carrier._rest.dequeue(waiting.channel, "12355", address)
    line.until_over(second)
    assert len(chen.legs) == 2


def test_whom_the_fallback_serves_is_not_torn_from_it(
    line: TwilioLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_fallback(line)
    duty = line.twilio.party(DUTY, answers_after=2, talks=120)
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", answers_after=1, talks=20)
    line.busy("gz-chen")
    second = line.behind()
    line.clock.run_until(lambda: second.has_heard("正在接通值班老师"), within=30)

    def down(*_about: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(line.controller, "heard", down)
        second.press("9")
        line.clock.run_until(lambda: bool(duty.legs), within=30)
    line.clock.run_until(lambda: any(h.kind == "talk" for h in second.heard), within=30)
    # A counselor frees, and the store still believes that the caller waits.
    line.clock.run_for(60)
    assert duty.legs[0].status == "in-progress"
    line.until_over(second)
    line.clock.run_for(60)
    assert len(line.orders()) == 2
    line.twilio.alerts.clear()


def test_a_call_of_which_nothing_reached_us_is_found(line: TwilioLine) -> None:
    serve_fallback(line)
    line.twilio.party(DUTY, answers_after=2, talks=20)
    fetch = line._inside
    line._inside = lambda method, url, form, headers: (
        fetch(method, url, form, headers) if url.endswith("/bin") else Reply(502, {}, b"")
    )
    call = line.twilio.incoming(CALLER, NUMBER)
    line.until_over(call)
    line.clock.run_for(30)
    assert line.orders() == []
    line.carrier.reconcile()
    line.carrier.reconcile()
    [order] = line.orders()
    assert (order["outcome"], order["caller"]) == ("failed", "135****1234")
    assert "last_resort" in kinds(order)
    line.twilio.alerts.clear()


def _down(*_about: object) -> None:
    raise StoreUnavailable("gone")


# Webhooks, connection overrides: what isn't answered in time is asked again, anywhere.
@pytest.mark.postgresql
def test_two_engines_that_are_told_of_a_call_at_once_open_one_order(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    store = postgresql.new_database()
    lines = [TwilioLine(tmp_path, store) for _ in range(2)]
    at = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
    together = threading.Barrier(2)

    def offer(number: int, line: TwilioLine) -> int:
        call = OfferedCall(f"twilio-CA{number:032x}", "twilio", f"CA{number:032x}", "12355", None)
        together.wait(10)
        return line.controller.offered_once(call, at).turn

    with ThreadPoolExecutor(2) as engines:
        for number in range(30):
            turns = list(engines.map(offer, [number] * 2, lines))
            assert turns[0] == turns[1]
    assert len(lines[0].orders()) == 30
    for line in lines:
        line.close()


# Webhooks: what we answered may never reach Twilio, which then asks the number's fallback.
def test_whom_the_fallback_serves_though_we_answered_is_not_torn_from_it(line: TwilioLine) -> None:
    serve_fallback(line)
    duty = line.twilio.party(DUTY, answers_after=2, talks=120)
    line.logs_in("gz-lin")
    line.twilio.party("client:lin", answers_after=1, talks=24)
    line.busy("gz-lin", "2")
    second = line.behind("")
    fetch = line._inside

    def lost(method, url, form, headers):  # type: ignore[no-untyped-def]
        answer = fetch(method, url, form, headers)
        mine = form.get("CallSid") == second.sid and not url.endswith("/bin")
        return answer._replace(status=504) if mine else answer

    line.clock.run_until(lambda: second.has_heard("情况紧急请按星号键"), within=30)
    line._inside = lost
    line.clock.run_until(lambda: bool(duty.legs), within=60)
    line._inside = fetch
    line.presence("gz-lin", available=True)
    line.clock.run_for(60)
    assert duty.legs[0].status == "in-progress"
    line.until_over(second)
    line.clock.run_for(200)
    line.twilio.alerts.clear()


def test_an_answer_is_noted_though_the_store_fails_at_that_moment(line: TwilioLine) -> None:
    call = in_the_whisper(line, talks=60)
    tick, line.carrier.tick = line.carrier.tick, lambda: None  # type: ignore[method-assign]
    line.clock.run_until(lambda: any(h.kind == "talk" for h in call.heard), within=10)
    line.clock.run_for(2)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(line.controller, "answered_by", _down)
        with pytest.raises(StoreUnavailable):
            tick()
    line.carrier.tick = tick  # type: ignore[method-assign]
    line.clock.run_for(2)
    assert line.state("gz-chen") == "on_call"
    call.hang_up()
    line.clock.run_for(2)


# Call resource: who talks with a call is told to whoever asks.
def test_an_answer_is_noted_though_the_engine_that_heard_of_it_is_gone(line: TwilioLine) -> None:
    line.logs_in("gz-chen", "gz-sip")
    chen = line.twilio.party("client:chen", answers_after=2, talks=180)
    line.twilio.party("sip:sun@phones.example.cn", "no-answer")
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("*", after=4)
    line.clock.run_until(lambda: bool(chen.legs and chen.legs[0].said), within=60)
    line.carrier._calls._meetings.clear()
    line.clock.run_for(25)
    line.carrier.note_talks()
    assert line.state("gz-chen") == "on_call"
    assert line.state("gz-sip") == "available"
    line.clock.run_for(100)
    call.hang_up()
    line.clock.run_for(2)
    [order] = line.orders()
    assert (order["outcome"], order["first_responder"]) == ("answered", "counselor:gz-chen")


def test_who_picks_up_is_known_though_the_roster_changed_meanwhile(line: TwilioLine) -> None:
    line.logs_in("gz-chen", "gz-lin")
    line.twilio.party("client:chen", "no-answer")
    lin = line.twilio.party("client:lin", answers_after=8, talks=20)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("*", after=4)
    line.clock.run_until(lambda: bool(lin.legs), within=30)
    line.presence("gz-chen", available=False)
    phones = line.carrier._calls._phones
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(line.carrier._calls, "_phones", lambda dial: phones(dial)[1:])
        line.clock.run_until(lambda: any(h.kind == "talk" for h in call.heard), within=30)
    line.clock.run_for(3)
    call.hang_up()
    line.clock.run_for(2)
    assert line.orders()[0]["first_responder"] == "counselor:gz-lin"
    assert len(lin.legs) == 1


# A repeated webhook is known by nothing but what stands in it: whichever comes again, whenever.
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(again=st.lists(st.tuples(st.floats(0.1, 40), st.integers(0, 20)), max_size=12))
def test_whatever_is_asked_again_in_the_middle_of_a_call_moves_nothing(
    tmp_path_factory: pytest.TempPathFactory, again: list[tuple[float, int]]
) -> None:
    line = TwilioLine(tmp_path_factory.mktemp("line"))
    line.logs_in("gz-chen")
    chen = line.twilio.party("client:chen", answers_after=2, talks=20)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    for after, which in again:

        def repeat(which: int = which) -> None:
            asked = line.twilio.exchanges
            if which < len(asked):
                line.twilio.resend(asked[which])

        line.clock.after(after, repeat)
    line.until_over(call)
    line.clock.run_for(60)
    [order] = line.orders()
    assert order["outcome"] == "answered"
    assert kinds(order).count("offer_made") == 1
    assert kinds(order).count("answered") == 1
    assert len(chen.legs) == 1
    line.close()
