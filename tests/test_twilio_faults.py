"""What goes wrong on the way from and to Twilio: nothing is lost, and an order is one a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.database import StoreUnavailable
from tests.twilio_line import CALLER, NUMBER, PUBLIC, TwilioLine, kinds
from tests.twilio_stand_in.leg import Leg

GREETING = "你好，这里是12355青少年服务台"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path)
    yield line
    line.close()


def at_the_beep(line: TwilioLine) -> Leg:
    """A caller about to leave a message: nobody is there."""
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: call.has_heard("请按9"), within=60)
    call.press("9", after=1)
    line.clock.run_until(lambda: any(h.kind == "beep" for h in call.heard), within=60)
    return call


# Nothing identifies a repeated request but what stands in it (Webhooks: connection overrides,
# retries): the same step asked again gets the same words.
def test_every_webhook_twice_and_late_moves_nothing(line: TwilioLine) -> None:
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", answers_after=2, talks=20)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.until_over(call)
    before = line.orders()
    asked = list(line.twilio.exchanges)
    assert len(asked) > 3
    for exchange in reversed(asked):
        line.twilio.resend(exchange)
        line.clock.run_for(1)
        again = line.twilio.exchanges[-1]
        assert again.reply.status == exchange.reply.status
    assert line.orders() == before
    assert len(before) == 1


def test_a_step_asked_again_gets_the_same_answer(line: TwilioLine) -> None:
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", answers_after=5, talks=20)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.clock.run_until(lambda: line.state("gz-chen") == "ringing", within=30)
    for exchange in list(line.twilio.exchanges):
        line.twilio.resend(exchange)
        line.clock.run_for(0.1)
        again = line.twilio.exchanges[-1]
        if exchange is not line.twilio.exchanges[0]:
            assert again.reply.body == exchange.reply.body
    line.until_over(call)
    assert line.orders()[0]["outcome"] == "answered"
    assert kinds(line.orders()[0]).count("offer_made") == 1


# Security: a request is Twilio's only if its signature fits the address it asked for.
@pytest.mark.parametrize("how", ["unsigned", "forged", "elsewhere"])
def test_what_is_not_twilios_is_refused(line: TwilioLine, how: str) -> None:
    signing = line.twilio.signing
    if how == "unsigned":
        signing.enabled = False
    elif how == "forged":
        signing.token = "0" * 32
    else:
        signing.address = lambda url: "https://elsewhere.example/twilio/call"
    line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_for(5)
    assert line.twilio.exchanges[0].reply.status == 403
    assert line.orders() == []
    line.twilio.alerts.clear()


def test_another_accounts_request_is_refused(line: TwilioLine) -> None:
    line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_for(1)
    first = line.twilio.exchanges[0]
    form = dict(first.form) | {"AccountSid": "AC" + "0" * 32}
    assert line.post("/twilio/call", form) == 403


# Incoming phone number: the fallback address is asked where the voice address fails.
def test_with_the_store_down_the_fallback_serves_the_caller(
    line: TwilioLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = line.twilio.numbers[NUMBER]
    line.twilio.numbers[NUMBER] = replace(number, voice_fallback_url=f"{PUBLIC}/static")

    def down(*_about: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(line.controller, "offered_once", down)
    line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_for(3)
    assert [e.reply.status for e in line.twilio.exchanges[:1]] == [503]
    assert line.twilio.exchanges[-1].url == f"{PUBLIC}/static"
    monkeypatch.undo()
    line.twilio.alerts.clear()


# Record, action: asked too where the caller ends the message by hanging up. Recording resource: a
# recording stays at Twilio until it is deleted.
def test_a_message_is_copied_here_then_deleted_there(line: TwilioLine) -> None:
    call = at_the_beep(line)
    call.speak(20)
    call.hang_up(after=21)
    line.until_over(call)
    [order] = line.orders()
    assert order["outcome"] == "voicemail"
    line.clock.run_for(30)
    [recording] = line.twilio.recordings.kept.values()
    media = recording.media
    line.carrier.fetch_recordings()
    line.carrier.fetch_recordings()
    [file] = line.settings.recordings_directory.iterdir()
    assert file.name == f"{order['recording_ref']}.wav"
    assert file.read_bytes() == media
    assert line.twilio.recordings.kept == {}


# Recording resource: a call's recordings are listed, whatever became of the request that told.
def test_a_message_that_nobody_told_us_of_is_found(
    line: TwilioLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = at_the_beep(line)
    call.speak(20)

    def down(*_about: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(type(line.carrier._calls._provisions), "recording_made", down)
        call.hang_up(after=21)
        line.until_over(call)
        line.clock.run_for(10)
    line.clock.run_for(150)
    line.carrier.reconcile()
    line.carrier.reconcile()
    line.carrier.fetch_recordings()
    [order] = line.orders()
    assert order["outcome"] == "voicemail"
    [file] = line.settings.recordings_directory.iterdir()
    assert file.name == f"{order['recording_ref']}.wav"
    assert line.twilio.recordings.kept == {}
    line.twilio.alerts.clear()


def test_what_anybody_asks_for_is_refused_not_failed(line: TwilioLine) -> None:
    client = line.carrier.application.test_client()
    assert client.get("/twilio/sound/%C3%A9/x.wav").status_code == 403


# Nothing says in which order the callbacks of a call's end arrive.
def test_a_message_whose_call_is_told_over_first_is_kept(line: TwilioLine) -> None:
    call = at_the_beep(line)
    line.post("/twilio/status", dict(line.twilio.exchanges[-1].form) | {"CallStatus": "completed"})
    assert line.orders()[0]["outcome"] is None
    call.speak(20)
    call.hang_up(after=21)
    line.clock.run_for(60)
    assert line.orders()[0]["outcome"] == "voicemail"


# Call resource: its status is told to who asks, whatever became of the callbacks.
def test_a_call_that_twilio_ends_without_telling_is_closed(line: TwilioLine) -> None:
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", "no-answer")
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.clock.run_for(8)
    call.end_silently()
    line.carrier.reconcile()
    assert line.orders()[0]["outcome"] is None
    line.clock.run_for(150)
    line.carrier.reconcile()
    assert line.orders()[0]["outcome"] is None  # what it said last may be on its way
    line.carrier.reconcile()
    [order] = line.orders()
    assert order["outcome"] is not None
    assert line.state("gz-chen") != "ringing"


def test_rest_down_loses_nobody(line: TwilioLine) -> None:
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", answers_after=1, talks=20)
    line.busy("gz-chen")
    second = line.behind()
    line.clock.run_for(10)
    line.api.goes_down("refused", 600)
    line.until_over(second)
    assert [order["outcome"] for order in line.orders()] == ["answered", "answered"]


# Queue: a queue that is full lets the caller go at once with QueueResult queue-full.
def test_a_full_queue_keeps_nobody_from_waiting(line: TwilioLine) -> None:
    line.twilio.queue("12355").largest = 0
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", answers_after=1, talks=20)
    line.busy("gz-chen")
    second = line.behind()
    line.until_over(second)
    assert [order["outcome"] for order in line.orders()] == ["answered", "answered"]


# Number, url: the called may be asked for a key before they are connected, or hung up.
def test_a_mobile_has_to_accept(line: TwilioLine) -> None:
    line.logs_in("gz-fang")
    mobile = line.twilio.party("+8613900001111", answers_after=2, keys=[(2, "1")], talks=20)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.until_over(call)
    [order] = line.orders()
    assert order["first_responder"] == "counselor:gz-fang"
    assert "12355来电，接听请按1。" in mobile.legs[0].said


# Dial, DialBridged: whoever picks up and isn't connected has not been talked with.
def test_a_mobiles_voicemail_has_not_answered(line: TwilioLine) -> None:
    line.logs_in("gz-fang")
    line.twilio.party("+8613900001111", answers_after=2)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.clock.run_until(lambda: "offer_failed" in kinds(line.orders()[0]), within=60)
    assert line.state("gz-fang") == "paused"
    assert line.orders()[0]["first_responder"] is None
    call.hang_up()
    line.clock.run_for(2)


# Dial, DialCallStatus: a client that isn't registered fails, and the action is asked.
def test_an_unreachable_browser_is_no_end(line: TwilioLine) -> None:
    line.logs_in("gz-chen", "gz-sip")
    line.twilio.party("sip:sun@phones.example.cn", answers_after=2, talks=20)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.until_over(call)
    [order] = line.orders()
    assert order["first_responder"] == "counselor:gz-sip"


def test_a_counselor_who_frees_during_a_menu_takes_the_caller(line: TwilioLine) -> None:
    line.logs_in("gz-lin")
    line.twilio.party("client:lin", answers_after=1, talks=24)
    line.busy("gz-lin", "2")
    second = line.behind("")
    line.clock.run_until(lambda: second.has_heard("不方便说话请按5"), within=40)
    line.presence("gz-lin", available=True)
    line.until_over(second)
    assert [order["outcome"] for order in line.orders()] == ["answered", "answered"]
    assert second.said.count(next(s for s in second.said if "请按5" in s)) == 1


# Record: of an empty recording the action isn't asked, and the document goes on.
def test_a_caller_who_says_nothing_is_not_cut_off(line: TwilioLine) -> None:
    call = at_the_beep(line)
    beep = next(n for n, h in enumerate(call.heard) if h.kind == "beep")
    line.until_over(call)
    assert any(h.kind == "say" for h in call.heard[beep:])
    assert line.orders()[0]["outcome"] is not None


# Dial, nouns: the first to pick up is connected, all others stop ringing.
def test_a_mobiles_voicemail_silences_no_other_telephone(line: TwilioLine) -> None:
    line.logs_in("gz-chen", "gz-fang")
    mobile = line.twilio.party("+8613900001111", answers_after=1)
    line.twilio.party("client:chen", answers_after=3, talks=20)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("*", after=4)
    line.clock.run_until(lambda: line.state("gz-chen") == "on_call", within=60)
    assert mobile.legs == []
    call.hang_up()
    line.clock.run_for(3)
    assert line.orders()[0]["first_responder"] == "counselor:gz-chen"


# Dial: the caller's hang-up ends it; telephones that ring are silenced.
def test_who_leaves_while_it_rings_blames_nobody(line: TwilioLine) -> None:
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", "no-answer")
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.clock.run_until(lambda: line.state("gz-chen") == "ringing", within=60)
    call.hang_up(after=2)
    line.clock.run_for(30)
    assert line.state("gz-chen") == "available"
    [order] = line.orders()
    assert (order["outcome"], order["hung_up_by"]) == ("abandoned_in_queue", "caller")


# Incoming phone number, status callback: a call's end is told whoever served it.
def test_a_call_that_the_fallback_served_has_an_order(
    line: TwilioLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_about: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(line.controller, "offered_once", down)
    call = line.twilio.incoming(CALLER, NUMBER)
    line.until_over(call, within=60)
    monkeypatch.undo()
    line.clock.run_for(2)
    [order] = line.orders()
    assert (order["outcome"], order["channel"]) == ("failed", "twilio")
    assert "last_resort" in kinds(order)
    line.twilio.alerts.clear()
