"""The stand-in for Twilio obeys TwiML as each verb's page in Twilio's documentation says."""

from __future__ import annotations

import pytest

from tests.twilio_stand_in import Twilio
from tests.twilio_stand_in.leg import Leg
from tests.twilio_stand_in.pages import CALLER, NUMBER, Pages, requests
from tests.twilio_stand_in.party import Outcome


def account(**documents: str | list[str]) -> Twilio:
    return Pages(**documents).twilio()


def calling(**documents: str | list[str]) -> tuple[Twilio, Leg]:
    twilio = account(**documents)
    return twilio, twilio.incoming(CALLER, NUMBER)


def heard(leg: Leg) -> list[tuple[str, str, float]]:
    return [(h.kind, h.content, round(h.seconds, 2)) for h in leg.heard]


def test_a_call_begins_ringing_and_ends_with_its_document() -> None:
    # TwiML for Programmable Voice: the number's URL is asked while the call rings; the end of
    # call is reported to the number's StatusCallback with CallDuration.
    twilio, call = calling(voice='<Say language="zh-CN">你好你好</Say>')
    twilio.clock.run()
    first, last = twilio.exchanges
    assert first.form == {
        "CallSid": call.sid,
        "AccountSid": twilio.account_sid,
        "From": CALLER,
        "To": NUMBER,
        "CallStatus": "ringing",
        "ApiVersion": "2010-04-01",
        "Direction": "inbound",
        "FromCountry": "CN",
        "ToCountry": "CN",
    }
    assert heard(call) == [("say", "你好你好", 1.0)]
    assert (last.form["CallStatus"], last.form["CallDuration"]) == ("completed", "1")


def test_say_play_and_pause_repeat_and_wait_as_written() -> None:
    # Say, Play: loop; Play: digits, each w is half a second; Pause: one second by default.
    twilio, call = calling(
        voice='<Play loop="2">/a.wav</Play><Play digits="ww1"/><Pause/><Pause length="3"/>'
    )
    twilio.clock.run()
    assert heard(call) == [
        ("play", "https://line.example/a.wav", 10.0),
        ("play", "https://line.example/a.wav", 10.0),
        ("tones", "ww1", 1.2),
        ("silence", "", 1.0),
        ("silence", "", 3.0),
    ]


def test_a_pause_first_delays_the_answer() -> None:
    # Pause: as the first verb it makes Twilio wait so long before it answers.
    twilio, call = calling(voice='<Pause length="3"/><Say>a</Say>')
    twilio.clock.run_for(2)
    assert call.answered is None
    twilio.clock.run_for(2)
    assert call.answered is not None


def test_a_key_stops_the_prompt_and_numdigits_ends_the_gather() -> None:
    # Gather: the first key stops nested verbs; numDigits keys end it at once.
    twilio, call = calling(voice='<Gather numDigits="2" action="/keys"><Play>/a</Play></Gather>')
    twilio.clock.run_for(4)
    call.press("1")
    twilio.clock.run_for(1)
    call.press("2")
    assert requests(twilio, "keys")[0].form["Digits"] == "12"
    assert heard(call)[0][2] == 4.0


@pytest.mark.parametrize(
    ("attributes", "keys", "digits"),
    [
        ("", "12#", "12"),  # finishOnKey is # by default and isn't sent along
        ('finishOnKey="*"', "1#*", "1#"),
        ('finishOnKey=""', "1#*", "1#*"),  # the empty text: no key finishes, the timeout does
    ],
)
def test_the_finishing_key(attributes: str, keys: str, digits: str) -> None:
    twilio, call = calling(voice=f'<Gather action="/keys" {attributes}/>')
    call.press(keys)
    twilio.clock.run_for(6)
    assert requests(twilio, "keys")[0].form["Digits"] == digits


def test_without_input_the_document_goes_on() -> None:
    # Gather, action: no input and no actionOnEmptyResult: the next verb. Timeout: 5 s by default,
    # counted from the end of the prompts.
    twilio, call = calling(voice='<Gather><Pause length="2"/></Gather><Redirect>/next</Redirect>')
    twilio.clock.run()
    assert heard(call) == [("silence", "", 2.0), ("silence", "", 5.0)]
    assert len(requests(twilio, "next")) == 1


def test_action_on_empty_result() -> None:
    twilio, _ = calling(voice='<Gather action="/keys" actionOnEmptyResult="true" timeout="3"/>')
    twilio.clock.run()
    assert requests(twilio, "keys")[0].form["Digits"] == ""


def test_a_recording_ends_after_silence() -> None:
    # Record: beep; timeout is silence; the final duration, trimmed, comes with the callback.
    twilio, call = calling(
        voice='<Record timeout="3" action="/recorded" recordingStatusCallback="/ready"/>'
    )
    twilio.clock.run_for(1)
    call.speak(4)
    twilio.clock.run()
    assert call.heard[0].kind == "beep"
    recorded, ready = requests(twilio, "recorded")[0].form, requests(twilio, "ready")[0].form
    assert recorded["RecordingDuration"] == "8"
    assert "Digits" not in recorded
    assert (ready["RecordingStatus"], ready["RecordingDuration"]) == ("completed", "4")
    assert "From" not in ready


def test_a_recording_ends_by_key_by_length_and_by_hang_up() -> None:
    document = '<Record finishOnKey="#" maxLength="20" timeout="0" action="/recorded"/>'
    twilio, call = calling(voice=document)
    twilio.clock.run_for(2)
    call.press("1")
    call.press("#")
    twilio.clock.run_for(1)
    assert requests(twilio, "recorded")[-1].form["Digits"] == "#"

    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(30)
    assert requests(twilio, "recorded")[-1].form["RecordingDuration"] == "20"

    # Record, action, Digits: hangup if the caller hung up.
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(5)
    call.hang_up()
    form = requests(twilio, "recorded")[-1].form
    assert (form["Digits"], form["CallStatus"]) == ("hangup", "completed")


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ("<Reject/>", "no-answer"),
        ('<Reject reason="busy"/>', "busy"),
        ("<Hangup/>", "completed"),  # Hangup: even as the first verb it answers
    ],
)
def test_reject_and_hangup(document: str, status: str) -> None:
    twilio, call = calling(voice=document)
    twilio.clock.run()
    assert call.status == status
    assert (call.answered is None) == (status != "completed")


def test_dial_connects_and_reports() -> None:
    # Dial, action: DialCallStatus, DialCallSid, DialCallDuration, DialBridged.
    twilio = account(voice='<Dial action="/dialled"><Client>chen</Client></Dial>')
    chen = twilio.party("client:chen", answers_after=3, talks=60)
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    form = requests(twilio, "dialled")[0].form
    assert form["DialCallStatus"] == "completed"
    assert form["DialCallSid"] == chen.legs[0].sid
    assert (form["DialCallDuration"], form["DialBridged"]) == ("60", "true")
    assert heard(call) == [("ringing", "", 3.0), ("talk", "client:chen", 60.0)]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("busy", "busy"), ("declines", "busy"), ("no-answer", "no-answer"), (None, "failed")],
)
def test_dial_unanswered(outcome: Outcome | None, status: str) -> None:
    twilio = account(voice='<Dial timeout="15" action="/dialled"><Sip>sip:a@b.example</Sip></Dial>')
    if outcome is not None:  # an address that isn't registered fails
        twilio.party("sip:a@b.example", outcome)
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    form = requests(twilio, "dialled")[0].form
    assert (form["DialCallStatus"], form["DialBridged"]) == (status, "false")
    assert "DialCallDuration" not in form


def test_the_first_to_answer_wins_and_the_rest_are_cancelled() -> None:
    # Number: several at once; the first to pick up is connected, the rest are hung up.
    nouns = "".join(
        f'<Client statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed">'
        f"{name}</Client>"
        for name in ("slow", "fast")
    )
    twilio = account(voice=f"<Dial>{nouns}</Dial>")
    slow = twilio.party("client:slow", answers_after=9)
    fast = twilio.party("client:fast", answers_after=2)
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    told = [(e.form["To"], e.form["CallStatus"]) for e in requests(twilio, "leg")]
    assert told == [
        ("client:slow", "initiated"),
        ("client:slow", "ringing"),
        ("client:fast", "initiated"),
        ("client:fast", "ringing"),
        ("client:fast", "in-progress"),
        ("client:slow", "canceled"),
        ("client:fast", "completed"),
    ]
    last = requests(twilio, "leg")[-1].form
    assert (last["ParentCallSid"], last["Direction"]) == (call.sid, "outbound-dial")
    assert last["SequenceNumber"] == "3"
    assert (slow.legs[0].status, fast.legs[0].status) == ("canceled", "completed")


def test_a_whisper_runs_before_the_parties_are_connected() -> None:
    # Number, url: a document for the called party; hanging up in it declines the call.
    whisper = '<Gather numDigits="1" action="/accept"><Say>12355</Say></Gather><Hangup/>'
    twilio = account(
        voice='<Dial action="/dialled"><Number url="/whisper">+8613900139000</Number></Dial>',
        whisper=whisper,
    )
    counselor = twilio.party("+8613900139000", keys=[(1.0, "1")], talks=30)
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert counselor.legs[0].said == ["12355"]
    assert requests(twilio, "accept")[0].form["CallSid"] == counselor.legs[0].sid
    assert requests(twilio, "dialled")[-1].form["DialBridged"] == "true"

    twilio.party("+8613900139000")  # a voicemail: it answers and presses nothing
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    form = requests(twilio, "dialled")[-1].form
    assert (form["DialCallStatus"], form["DialBridged"]) == ("completed", "false")
    assert not any(h.kind == "talk" for h in call.heard)


def test_a_caller_who_hangs_up_while_it_rings() -> None:
    # Dial: the session ends; called legs that ring are let go and no action is requested.
    twilio = account(voice='<Dial action="/dialled"><Client>chen</Client></Dial>')
    chen = twilio.party("client:chen", answers_after=20)
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(5)
    call.hang_up()
    twilio.clock.run()
    assert (chen.legs[0].status, call.status) == ("canceled", "completed")
    assert not requests(twilio, "dialled")

    twilio.dial_action_after_hang_up = True
    twilio.incoming(CALLER, NUMBER).hang_up(after=5)
    twilio.clock.run()
    assert requests(twilio, "dialled")[0].form["CallStatus"] == "completed"


def test_the_limits_of_a_dial() -> None:
    # Dial: hangupOnStar lets the caller end it with *, timeLimit ends it; answerOnBridge keeps
    # the call ringing until somebody answers.
    twilio = account(
        voice='<Dial hangupOnStar="true" timeLimit="20" answerOnBridge="true" action="/dialled">'
        "<Client>chen</Client></Dial>"
    )
    twilio.party("client:chen", hangs_up=False)
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(1)
    assert call.status == "ringing"
    twilio.clock.run_for(9)
    call.press("*")
    assert requests(twilio, "dialled")[-1].form["DialCallDuration"] == "8"
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert requests(twilio, "dialled")[-1].form["DialCallDuration"] == "20"


def test_what_cannot_be_in_a_document_is_told() -> None:
    # Error dictionary, 12200: what doesn't fit the schema is left out and shown as a warning.
    twilio, call = calling(voice='<Shout>a</Shout><Say loudness="3">b</Say>')
    twilio.clock.run()
    assert call.said == ["b"]
    assert {alert.code for alert in twilio.alerts} == {12200}
    with pytest.raises(AssertionError, match="Shout"):
        twilio.expect_no_faults()


def test_a_number_is_called_only_with_a_caller_id_of_ours() -> None:
    # Dial, callerId: the call's own numbers or one of the account's; error 13214 otherwise.
    twilio, _ = calling(voice='<Dial callerId="+8610110"><Number>+8613900139000</Number></Dial>')
    twilio.clock.run()
    assert [alert.code for alert in twilio.alerts] == [13214]


def test_one_after_another() -> None:
    # Dial, sequential: the next is rung when the one before didn't answer.
    twilio = account(
        voice='<Dial sequential="true" timeout="10" action="/dialled">'
        "<Client>a</Client><Client>b</Client></Dial>"
    )
    twilio.party("client:a", "no-answer")
    second = twilio.party("client:b", answers_after=1, talks=5)
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert [h.seconds for h in call.heard] == [10.0, 1.0, 5.0]
    assert requests(twilio, "dialled")[0].form["DialCallSid"] == second.legs[0].sid


def test_both_sides_recorded() -> None:
    # Dial, record: dual has a channel a side; the action has RecordingUrl.
    twilio = account(
        voice='<Dial record="record-from-answer-dual" recordingStatusCallback="/ready" '
        'action="/dialled"><Client>chen</Client></Dial>'
    )
    twilio.party("client:chen", talks=7)
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    ready = requests(twilio, "ready")[0].form
    assert (ready["RecordingDuration"], ready["RecordingChannels"]) == ("7", "2")
    assert requests(twilio, "dialled")[0].form["RecordingUrl"] == ready["RecordingUrl"]


def test_an_empty_document_has_the_call_answered() -> None:
    # Reject: it is the only way not to answer; any other response has the call answered.
    twilio, call = calling(voice="")
    twilio.clock.run()
    assert (call.status, call.duration) == ("completed", 0)


def test_a_whisper_has_only_four_verbs() -> None:
    # Number, url: Say, Play, Gather and Hangup, no others.
    twilio = account(
        voice='<Dial><Number url="/whisper" sendDigits="W1">+8613900139000</Number></Dial>',
        whisper="<Redirect>/more</Redirect>",
    )
    counselor = twilio.party("+8613900139000")
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert [alert.code for alert in twilio.alerts] == [12200]
    assert heard(counselor.legs[0])[0] == ("tones", "W1", 1.2)
