"""How the stand-in asks the server under test: queues, signatures, retries, fallback, schema."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from lxml import etree
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from tests.twilio_stand_in import Clock, Fetch, Reply, Twilio, schema
from tests.twilio_stand_in.failures import HungUp
from tests.twilio_stand_in.pages import CALLER, NUMBER, PUBLIC, Pages, requests
from tests.twilio_stand_in.process import Process, Steps, Wait, Work
from tests.twilio_stand_in.twiml import ATTRIBUTES, CHILDREN
from tests.twilio_stand_in.webhook import Exchange

QUEUED = '<Enqueue waitUrl="/wait" action="/left">line</Enqueue><Say>after</Say>'
SORRY = "An application error has occurred. Goodbye."


def failing(inner: Fetch, path: str, failures: list[Exception]) -> Fetch:
    """Raises these at a path, one a request, before it lets requests through."""

    def fetch(method: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        if url == f"{PUBLIC}/{path}" and failures:
            raise failures.pop(0)
        return inner(method, url, form, headers)

    return fetch


def valid(twilio: Twilio, exchange: Exchange) -> bool:
    validator = RequestValidator(twilio.auth_token)
    signature = exchange.headers.get("X-Twilio-Signature", "")
    return bool(validator.validate(exchange.url, exchange.form, signature))


def test_waiting_in_a_queue() -> None:
    # Enqueue, waitUrl: asked with these parameters, and again when its document has run out.
    twilio = Pages(voice=QUEUED, wait="<Play>/music</Play>").twilio()
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(4)
    second = twilio.incoming("+8613900139000", NUMBER)
    twilio.clock.run_for(12)
    form = next(
        e.form for e in reversed(requests(twilio, "wait")) if e.form["CallSid"] == second.sid
    )
    assert {name: value for name, value in form.items() if "Queue" in name} == {
        "QueuePosition": "2",
        "QueueSid": twilio.queues["line"].sid,
        "QueueTime": "10",
        "AvgQueueTime": "12",
        "CurrentQueueSize": "2",
        "MaxQueueSize": "1000",
    }


@pytest.mark.parametrize(
    ("wait", "result"),
    [
        ("<Pause/><Leave/>", "leave"),
        ("<Pause/><Hangup/>", "hangup"),
        ("<Pause/><Redirect>broken</Redirect>", "error"),
    ],
)
def test_leaving_a_queue(wait: str, result: str) -> None:
    # Enqueue, QueueResult. Hangup in the waiting document leaves the queue and ends the call.
    pages = Pages(voice=QUEUED, wait=wait, left="<Say>left</Say>")
    pages.broken["/broken"] = 500
    twilio = pages.twilio()
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    form = requests(twilio, "left")[0].form
    assert (form["QueueResult"], form["QueueTime"]) == (result, "1")
    assert call.said == ([] if result == "hangup" else ["left"])


def test_without_an_action_the_document_goes_on_after_the_queue() -> None:
    twilio = Pages(voice=QUEUED.replace('action="/left"', ""), wait="<Pause/><Leave/>").twilio()
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert call.said == ["after"]


def test_a_full_queue() -> None:
    # Enqueue, QueueSid and QueueTime: only if the call was really enqueued.
    twilio = Pages(voice=QUEUED, left="<Hangup/>").twilio()
    twilio.queue("line").largest = 0
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    form = requests(twilio, "left")[0].form
    assert {k: v for k, v in form.items() if "Queue" in k} == {"QueueResult": "queue-full"}


def test_only_some_verbs_run_while_waiting() -> None:
    # Enqueue, waitUrl: Dial and Record are not among the verbs supported there.
    twilio = Pages(voice=QUEUED, wait="<Record/><Pause/><Leave/>").twilio()
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    with pytest.raises(AssertionError, match="Record"):
        twilio.expect_no_faults()


def test_music_without_a_wait_url_and_silence_with_an_empty_one() -> None:
    for attribute, kind in (("", "music"), ('waitUrl=""', "silence")):
        twilio = Pages(voice=f"<Enqueue {attribute}>line</Enqueue>").twilio()
        call = twilio.incoming(CALLER, NUMBER)
        twilio.clock.run_for(9)
        assert [h.kind for h in call.heard] == [kind]


def test_every_request_is_signed() -> None:
    # Webhooks security: over the whole URL; POST parameters are in it, those of GET in the URL.
    # Connection Overrides: the fragment is left out of the request and of the signature.
    twilio = Pages(voice='<Redirect method="GET">/next?a=1#rc=2</Redirect>').twilio()
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert all(valid(twilio, exchange) for exchange in twilio.exchanges)
    assert not requests(twilio, "next")[0].form
    assert "#" not in requests(twilio, "next")[0].url


def test_requests_signed_wrongly() -> None:
    twilio = Pages(voice="<Hangup/>").twilio()
    twilio.signing.token = "another"
    twilio.incoming(CALLER, NUMBER)
    twilio.signing.token = twilio.auth_token
    twilio.signing.address = lambda url: url.replace("line.example", "other.example")
    twilio.incoming(CALLER, NUMBER)
    twilio.signing.enabled = False
    twilio.incoming(CALLER, NUMBER)
    assert not any(valid(twilio, exchange) for exchange in twilio.exchanges)
    assert "X-Twilio-Signature" not in twilio.exchanges[-1].headers


def test_a_request_sent_again_late() -> None:
    twilio = Pages(voice="<Hangup/>").twilio()
    twilio.incoming(CALLER, NUMBER)
    twilio.resend(twilio.exchanges[0], after=60)
    twilio.clock.run()
    first, again = twilio.exchanges[0], twilio.exchanges[-1]
    assert (again.form, again.headers, again.status) == (first.form, first.headers, 200)
    assert (again.at - first.at).total_seconds() == 60


def test_a_refused_connection_is_tried_once_more() -> None:
    # Connection Overrides: one retry, after connection failures only; retries carry the same
    # I-Twilio-Idempotency-Token.
    twilio = Pages(voice="<Hangup/>").twilio()
    refused = [ConnectionError("refused")]
    twilio.webhooks.fetch = failing(twilio.fetch, "voice", list[Exception](refused))
    call = twilio.incoming(CALLER, NUMBER)
    first, second = requests(twilio, "voice")
    assert (
        first.headers["I-Twilio-Idempotency-Token"]
        == (second.headers["I-Twilio-Idempotency-Token"])
    )
    assert call.status == "completed"


def test_the_fallback_after_a_failure() -> None:
    # IncomingPhoneNumber, VoiceFallbackUrl: asked with ErrorCode and ErrorUrl. A status of 5xx
    # is not retried by default.
    pages = Pages(fallback="<Say>fallback</Say>")
    pages.broken["/voice"] = 503
    twilio = pages.twilio()
    twilio.numbers[NUMBER].voice_fallback_url = f"{PUBLIC}/fallback"
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert len(requests(twilio, "voice")) == 1
    form = requests(twilio, "fallback")[0].form
    assert (form["ErrorCode"], form["ErrorUrl"]) == ("11200", f"{PUBLIC}/voice")
    assert call.said == ["fallback"]


def test_without_a_fallback_the_caller_hears_of_an_error() -> None:
    pages = Pages(voice="<Say>a</Say><Redirect>/broken</Redirect>")
    pages.broken.update({"/broken": 500, "/fallback": 404})
    twilio = pages.twilio()
    twilio.numbers[NUMBER].voice_fallback_url = f"{PUBLIC}/fallback"
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert call.said == ["a", SORRY]
    assert [alert.code for alert in twilio.alerts] == [11200, 11200]


@pytest.mark.parametrize(("fragment", "waits"), [("", 15.0), ("#rt=4000", 4.0)])
def test_a_server_that_does_not_answer(fragment: str, waits: float) -> None:
    # Connection Overrides: rt; never more than 15 s on a call, whatever is set.
    twilio = Pages().twilio()
    twilio.numbers[NUMBER].voice_url += fragment
    twilio.numbers[NUMBER].voice_fallback_url = f"{PUBLIC}/fallback"
    twilio.webhooks.fetch = failing(twilio.fetch, "voice", [TimeoutError("late")])
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    first, fallback = requests(twilio, "voice")[0], requests(twilio, "fallback")[0]
    assert (fallback.at - first.at).total_seconds() == waits
    assert fallback.form["ErrorCode"] == "11203"


def test_a_server_that_answers_too_late_has_worked_for_nothing() -> None:
    pages = Pages(voice="<Say>late</Say>", fallback="<Say>fallback</Say>")
    twilio = pages.twilio()
    twilio.numbers[NUMBER].voice_fallback_url = f"{PUBLIC}/fallback"
    twilio.webhooks.latency = lambda url: 20.0 if url.endswith("/voice") else 0.3
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert (pages.asked["/voice"], call.said) == (1, ["fallback"])


def test_a_caller_who_hangs_up_before_the_server_answers() -> None:
    # CallStatus values, no-answer: the call ended without being answered.
    twilio = Pages(voice="<Say>a</Say>").twilio()
    twilio.webhooks.latency = lambda url: 3.0
    call = twilio.incoming(CALLER, NUMBER)
    call.hang_up(after=1)
    twilio.clock.run()
    assert (call.status, call.said) == ("no-answer", [])
    assert requests(twilio, "status")[0].form["CallStatus"] == "no-answer"


def test_a_call_that_ends_silently() -> None:
    twilio = Pages(voice='<Record action="/recorded" recordingStatusCallback="/ready"/>').twilio()
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(2)
    call.end_silently()
    twilio.clock.run()
    assert [e.url for e in twilio.exchanges] == [f"{PUBLIC}/voice"]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ("<Response><Say>a</Response>", "text/xml", 12100),
        ("<Answer/>", "text/xml", 12100),
        ("{}", "application/json", 12300),
        (f"<Response><Say>{'a' * 65536}</Say></Response>", "text/xml", 11750),
    ],
)
def test_documents_that_are_refused(body: str, kind: str, code: int) -> None:
    # Error dictionary: 12100 no TwiML, 12300 no known type, 11750 over 64 KB.
    twilio = Pages().twilio()
    twilio.numbers[NUMBER].status_callback = ""
    twilio.webhooks.fetch = lambda *_: Reply(200, {"Content-Type": kind}, body.encode())
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert [alert.code for alert in twilio.alerts] == [code]
    assert call.said == [SORRY]


def test_the_widened_schema_takes_every_documented_attribute() -> None:
    if not schema.available():
        pytest.skip("shared/data has no TwiML schema: documents are held against no schema")
    parents = {child: parent for parent, children in CHILDREN.items() for child in children}
    for name, attributes in ATTRIBUTES.items():
        for attribute in attributes:
            if name in ("Identity", "Parameter", "Response"):
                continue
            number = attribute in ("timeout", "numDigits", "maxLength", "timeLimit", "length")
            value = "1" if number or attribute == "loop" else "true"
            if attribute == "reason":
                value = "busy"
            parent = parents[name] if name in CHILDREN["Dial"] else "Response"
            element = f'<{name} {attribute}="{value}"/>'
            inside = element if parent == "Response" else f"<{parent}>{element}</{parent}>"
            wrong = schema.violations(etree.fromstring(f"<Response>{inside}</Response>"))
            assert not wrong, (name, attribute, wrong)


def test_the_schema_finds_what_the_table_of_attributes_does_not() -> None:
    if not schema.available():
        pytest.skip("shared/data has no TwiML schema")
    twilio = Pages(voice='<Gather numDigits="some"/>').twilio()
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert "numDigits" in twilio.alerts[0].text
    assert call.said == [SORRY]


def test_documents_in_a_circle_are_found() -> None:
    with pytest.raises(AssertionError, match="for ever"):
        Pages(voice="<Redirect/>").twilio().incoming(CALLER, NUMBER)


def test_status_callbacks_are_answered_properly() -> None:
    # TwiML for Programmable Voice, status callbacks: 204, or 200 with XML; else a warning.
    twilio = Pages(voice="<Hangup/>").twilio()
    inner = twilio.fetch
    twilio.webhooks.fetch = lambda method, url, form, headers: (
        Reply(200, {"Content-Type": "application/json"}, b"{}")
        if url.endswith("/status")
        else inner(method, url, form, headers)
    )
    twilio.incoming(CALLER, NUMBER)
    assert [alert.code for alert in twilio.alerts] == [12300]


def test_callbacks_out_of_order() -> None:
    # Number, SequenceNumber: events are fired in order, their requests may not arrive so.
    twilio = Pages(
        voice='<Dial><Client statusCallback="/leg" statusCallbackEvent="ringing answered">chen'
        "</Client></Dial>"
    ).twilio()
    twilio.party("client:chen")
    delays = iter((9.0, 0.0))
    twilio.callback_delay = lambda url: next(delays) if url.endswith("/leg") else 0.0
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert [e.form["SequenceNumber"] for e in requests(twilio, "leg")] == ["1", "0"]


def test_what_is_answered_after_a_call_has_ended_is_dropped() -> None:
    twilio = Pages(voice="<Say>a</Say>").twilio()
    inner = twilio.webhooks.fetch

    def fetch(method: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        if url.endswith("/voice"):
            twilio.calls[form["CallSid"]].hang_up()
        return inner(method, url, form, headers)

    twilio.webhooks.fetch = fetch
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert (call.status, call.said) == ("no-answer", [])


def test_an_answer_that_nobody_waits_for_any_more() -> None:
    clock, woken = Clock(), list[object]()

    def steps() -> Steps[None]:
        try:
            yield Work(lambda: process.interrupt(HungUp()))
        except HungUp:
            woken.append((yield Wait(10)))

    process = Process(clock, steps())
    process.start()
    assert woken == []
    clock.run()
    assert (woken, clock.elapsed) == ([None], 10)
