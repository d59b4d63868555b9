"""Whatever is in the documents and whatever the caller does, the stand-in keeps its own books."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twilio_stand_in.pages import CALLER, NUMBER, Pages, requests

LEG = 'statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed"'
VERBS = (
    "<Say>a few words to say</Say>",
    '<Play loop="2">/a.wav</Play>',
    "<Pause/>",
    '<Gather action="/voice" numDigits="2"><Say>keys</Say></Gather>',
    '<Gather action="/voice" actionOnEmptyResult="true" finishOnKey=""/>',
    '<Record action="/voice" maxLength="9" recordingStatusCallback="/ready"/>',
    f'<Dial timeout="9"><Client {LEG} url="/whisper">a</Client><Client {LEG}>b</Client></Dial>',
    f'<Dial action="/voice" hangupOnStar="true" record="true"><Client {LEG}>b</Client></Dial>',
    f'<Dial sequential="true"><Client {LEG}>c</Client><Client {LEG}>d</Client></Dial>',
    '<Enqueue waitUrl="/wait" action="/voice">line</Enqueue>',
    "<Redirect>/voice</Redirect>",
    "<Hangup/>",
)
FINAL = {"completed", "busy", "no-answer", "failed", "canceled"}


@settings(max_examples=60)
@given(
    documents=st.lists(st.lists(st.sampled_from(VERBS), max_size=3), min_size=1, max_size=4),
    keys=st.lists(st.tuples(st.floats(0, 90), st.sampled_from("1*#")), max_size=6),
    hangs_up=st.floats(0.1, 120),
    talks=st.floats(0, 40),
    latency=st.sampled_from([0.0, 0.5, 16.0]),
)
def test_every_call_and_leg_ends_once(
    documents: list[list[str]],
    keys: list[tuple[float, str]],
    hangs_up: float,
    talks: float,
    latency: float,
) -> None:
    pages = Pages(
        voice=["".join(verbs) for verbs in [*documents, ["<Pause/>"]]],
        wait=["<Pause/><Leave/>", "<Say>wait</Say>"],
        whisper='<Gather numDigits="1"/><Hangup/>',
    )
    twilio = pages.twilio()
    twilio.webhooks.latency = lambda url: latency
    twilio.party("client:a", answers_after=1, talks=talks, keys=[(2, "1")])
    twilio.party("client:b", answers_after=3, talks=talks)
    twilio.party("client:c", "busy")
    call = twilio.incoming(CALLER, NUMBER)
    for after, key in keys:
        call.press(key, after=after)
    call.hang_up(after=hangs_up)
    twilio.clock.run()

    for leg in twilio.calls.values():
        assert leg.status in FINAL
        assert leg.ended is not None
        assert leg.ended <= (call.ended or leg.ended)
        assert all(h.end is not None and h.start <= h.end <= leg.ended for h in leg.heard)
    assert not any(queue.waiting for queue in twilio.queues.values())
    assert all(r.status == "completed" for r in twilio.recordings.kept.values())
    assert len(requests(twilio, "status")) == 1
    for leg in twilio.calls.values():
        told = [e.form for e in requests(twilio, "leg") if e.form["CallSid"] == leg.sid]
        assert [form["SequenceNumber"] for form in told] == [str(n) for n in range(len(told))]
        assert [form["CallStatus"] for form in told if form["CallStatus"] in FINAL] == (
            [leg.status] if leg.parent else []
        )
