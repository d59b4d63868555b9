"""The stand-in's REST API, spoken to by Twilio's own client, as the resources' pages say."""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Iterator, Mapping

import pytest
import requests as http
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]
from werkzeug.serving import make_server

from tests.twilio_stand_in import RealClock, Reply, Twilio, over_flask, over_http
from tests.twilio_stand_in.account import ACCOUNT_SID, AUTH_TOKEN
from tests.twilio_stand_in.pages import CALLER, NUMBER, PUBLIC, Pages, requests
from tests.twilio_stand_in.rest import (
    InProcessHttpClient,
    LoopbackHttpClient,
    RestApi,
    RestServer,
    openapi,
)

HOLDING = '<Enqueue action="/left" waitUrl="/wait">line</Enqueue>'


def client_of(twilio: Twilio) -> tuple[RestApi, Client]:
    api = RestApi(twilio)
    return api, Client(ACCOUNT_SID, AUTH_TOKEN, http_client=InProcessHttpClient(api))


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    account = Pages(
        voice=HOLDING,
        wait="<Play>/music</Play>",
        next="<Pause length='9'/>",
        out='<Record action="/recorded"/>',
    ).twilio()
    yield account
    account.expect_no_faults()


def code(error: pytest.ExceptionInfo[TwilioRestException]) -> tuple[int, int]:
    return error.value.status, error.value.code


def test_the_description_is_there() -> None:
    if not openapi.available():
        pytest.skip("shared/data has no OpenAPI description: requests and answers go unchecked")


def test_a_call_made_through_the_api(twilio: Twilio) -> None:
    # Call resource, create: queued first; the document is asked for when it is answered; the
    # events asked for are reported. There is no idempotency key: a repeat is a second call.
    _, client = client_of(twilio)
    twilio.party(CALLER, answers_after=5, hangs_up_after=20)
    for _ in range(2):
        made = client.calls.create(
            to=CALLER,
            from_=NUMBER,
            url=f"{PUBLIC}/out",
            status_callback=f"{PUBLIC}/event",
            status_callback_event=["initiated", "ringing", "answered", "completed"],
        )
        assert made.status == "queued"
    twilio.clock.run()
    assert len(client.calls.list()) == 2
    events = [e.form for e in requests(twilio, "event") if e.form["CallSid"] == made.sid]
    assert [e["CallStatus"] for e in events] == [
        *("initiated", "ringing", "in-progress", "completed"),
    ]
    assert requests(twilio, "out")[0].form["Direction"] == "outbound-api"
    assert client.calls(made.sid).fetch().status == "completed"


def test_a_call_that_cannot_be_made(twilio: Twilio) -> None:
    _, client = client_of(twilio)
    with pytest.raises(TwilioRestException) as error:
        client.calls.create(to=CALLER, from_="+8610000", url=f"{PUBLIC}/out")
    assert code(error) == (400, 21210)
    with pytest.raises(TwilioRestException) as error:
        client.calls.create(to=CALLER, from_=NUMBER)
    assert code(error) == (400, 21205)


@pytest.mark.parametrize(("after", "order"), [(None, ["left", "next"]), (1.0, ["next", "left"])])
def test_a_call_in_a_queue_redirected(
    twilio: Twilio, after: float | None, order: list[str]
) -> None:
    # Enqueue, action: requested right away, with redirected; the new document is requested too,
    # in an order that a test chooses.
    _, client = client_of(twilio)
    twilio.enqueue_action_after = after
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(12)
    client.calls(call.sid).update(url=f"{PUBLIC}/next")
    twilio.clock.run()
    asked = [e.url.removeprefix(f"{PUBLIC}/") for e in twilio.exchanges]
    assert [path for path in asked if path in ("left", "next")] == order
    left = requests(twilio, "left")[0].form
    assert (left["QueueResult"], left["QueueTime"]) == ("redirected", "12")


def test_a_call_that_is_over_cannot_be_changed(twilio: Twilio) -> None:
    # Call resource, update, Status; error dictionary, 21220.
    _, client = client_of(twilio)
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(3)
    client.calls(call.sid).update(status="completed")
    twilio.clock.run()
    assert call.status == "completed"
    assert requests(twilio, "left")[0].form["QueueResult"] == "hangup"
    with pytest.raises(TwilioRestException) as error:
        client.calls(call.sid).update(url=f"{PUBLIC}/next")
    assert code(error) == (400, 21220)


def test_a_call_cancelled_in_the_queue_is_not_reported(twilio: Twilio) -> None:
    # CallStatus values, canceled: cancelled while queued, no status callbacks are made.
    _, client = client_of(twilio)
    call = client.calls.create(
        to=CALLER, from_=NUMBER, url=f"{PUBLIC}/out", status_callback=f"{PUBLIC}/event"
    )
    client.calls(call.sid).update(status="canceled")
    twilio.clock.run()
    assert twilio.calls[call.sid].status == "canceled"


def test_calls_are_found(twilio: Twilio) -> None:
    _, client = client_of(twilio)
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(60)
    other = twilio.incoming("+8613900139000", NUMBER)
    assert [c.sid for c in client.calls.list(from_=CALLER)] == [call.sid]
    assert [c.sid for c in client.calls.list(to=NUMBER, page_size=1)] == [other.sid, call.sid]
    assert [c.sid for c in client.calls.list(start_time_after=other.created)] == [other.sid]
    assert [c.sid for c in client.calls.list(start_time_before=other.created)] == [call.sid]
    assert len(client.calls.list(status="in-progress")) == 2
    assert client.calls.list(status="completed") == []


def test_recordings_are_heard_and_deleted(twilio: Twilio) -> None:
    # Recording resource: media as WAV once completed; deleted, it is not found.
    _, client = client_of(twilio)
    twilio.party(CALLER, hangs_up_after=30)
    made = client.calls.create(to=CALLER, from_=NUMBER, url=f"{PUBLIC}/out")
    twilio.clock.run_for(4)
    twilio.calls[made.sid].speak(3)
    twilio.clock.run()
    recording = client.recordings.list(call_sid=made.sid)[0]
    assert (recording.status, recording.duration, recording.source) == (
        *("completed", "3", "RecordVerb"),
    )
    media = (
        RestApi(twilio)
        .app.test_client()
        .get(recording.media_url + ".wav", auth=(ACCOUNT_SID, AUTH_TOKEN))
    )
    with wave.open(io.BytesIO(media.data)) as sound:
        assert sound.getnframes() / sound.getframerate() == 3
    assert recording.delete()
    with pytest.raises(TwilioRestException) as error:
        client.recordings(recording.sid).fetch()
    assert code(error) == (404, 20404)


def test_a_number_is_given_another_address(twilio: Twilio) -> None:
    _, client = client_of(twilio)
    number = client.incoming_phone_numbers.list(phone_number=NUMBER)[0]
    number.update(voice_url=f"{PUBLIC}/next", voice_fallback_url=f"{PUBLIC}/fallback")
    twilio.incoming(CALLER, NUMBER)
    twilio.clock.run()
    assert requests(twilio, "next")
    assert client.api.v2010.accounts(ACCOUNT_SID).fetch().status == "active"


def test_a_wrong_token(twilio: Twilio) -> None:
    api, _ = client_of(twilio)
    client = Client(ACCOUNT_SID, "another", http_client=InProcessHttpClient(api))
    with pytest.raises(TwilioRestException) as error:
        client.calls.create(to=CALLER, from_=NUMBER, url=f"{PUBLIC}/out")
    assert code(error) == (401, 20003)


def test_an_outage(twilio: Twilio) -> None:
    api, client = client_of(twilio)
    api.goes_down("503", seconds=30)
    with pytest.raises(TwilioRestException) as error:
        client.calls.create(to=CALLER, from_=NUMBER, url=f"{PUBLIC}/out")
    assert error.value.status == 503
    api.goes_down("refused", seconds=30)
    with pytest.raises(http.exceptions.ConnectionError):
        client.calls.create(to=CALLER, from_=NUMBER, url=f"{PUBLIC}/out")
    twilio.clock.run_for(31)
    assert client.calls.list() == []


def test_an_answer_that_is_lost(twilio: Twilio) -> None:
    # A request that times out may have been carried out nevertheless.
    api, client = client_of(twilio)
    api.goes_down("unanswered", seconds=30)
    with pytest.raises(http.exceptions.ReadTimeout):
        client.calls.create(to=CALLER, from_=NUMBER, url=f"{PUBLIC}/out")
    twilio.clock.run_for(31)
    assert len(client.calls.list()) == 1


def test_a_call_that_is_not_dialled_yet_has_not_started(twilio: Twilio) -> None:
    # Call resource, StartTime: empty if the call has not yet been dialed.
    _, client = client_of(twilio)
    twilio.queued_seconds = 5
    made = client.calls.create(to=CALLER, from_=NUMBER, url=f"{PUBLIC}/out")
    assert client.calls(made.sid).fetch().start_time is None
    begin = twilio.clock.begin
    assert client.calls.list(start_time_after=begin) == []
    assert [call.sid for call in client.calls.list(status="queued")] == [made.sid]
    twilio.clock.run_for(6)
    assert [call.sid for call in client.calls.list(start_time_after=begin)] == [made.sid]


def test_a_parameter_that_is_not_in_the_description() -> None:
    if not openapi.available():
        pytest.skip("shared/data has no OpenAPI description")
    twilio = Pages().twilio()
    RestApi(twilio).app.test_client().post(
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json",
        data={"To": CALLER, "From": NUMBER, "Url": f"{PUBLIC}/out", "IdempotencyKey": "1"},
        auth=(ACCOUNT_SID, AUTH_TOKEN),
    )
    with pytest.raises(AssertionError, match="IdempotencyKey"):
        twilio.expect_no_faults()


def test_a_called_leg_redirected(twilio: Twilio) -> None:
    # Call resource, update: the called leg goes on alone; Dial, action: it is over for the
    # caller, without DialCallDuration.
    _, client = client_of(twilio)
    pages = Pages(
        voice='<Dial action="/dialled"><Client>chen</Client></Dial>', next="<Pause length='9'/>"
    )
    twilio.webhooks.fetch = over_flask(pages.app)
    chen = twilio.party("client:chen")
    call = twilio.incoming(CALLER, NUMBER)
    twilio.clock.run_for(10)
    client.calls(chen.legs[0].sid).update(url=f"{PUBLIC}/next")
    twilio.clock.run_for(1)
    form = requests(twilio, "dialled")[0].form
    assert (form["DialCallStatus"], "DialCallDuration" in form) == ("completed", False)
    assert (call.status, chen.legs[0].status) == ("completed", "in-progress")
    twilio.clock.run()
    assert chen.legs[0].status == "completed"


def test_the_api_used_from_within_a_request(twilio: Twilio) -> None:
    # A server may call the API while it answers: what it asks for comes after its answer.
    _, client = client_of(twilio)
    waiting = twilio.incoming(CALLER, NUMBER)
    inner = twilio.webhooks.fetch

    def fetch(method: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        if url.endswith("/voice"):
            client.calls(waiting.sid).update(url=f"{PUBLIC}/next")
        return inner(method, url, form, headers)

    twilio.webhooks.fetch = fetch
    twilio.incoming("+8613900139000", NUMBER)
    twilio.clock.run_for(1)
    asked = [e.url.removeprefix(f"{PUBLIC}/") for e in twilio.exchanges]
    assert asked == ["voice", "wait", "voice", "wait", "left", "next"]


def test_real_time_over_loopback() -> None:
    # The same code with the other clock: both sides speak HTTP over loopback.
    pages = Pages(voice='<Pause length="1"/><Enqueue waitUrl="">line</Enqueue>', next="<Hangup/>")
    application = make_server("127.0.0.1", 0, pages.app, threaded=True)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    clock = RealClock()
    twilio = Twilio(over_http(f"http://127.0.0.1:{application.server_port}"), clock)
    twilio.number(NUMBER, f"{PUBLIC}/voice")
    with RestServer(RestApi(twilio)) as server:
        client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=LoopbackHttpClient(server.url))
        call = twilio.incoming(CALLER, NUMBER)
        clock.run_until(lambda: bool(twilio.queues), within=5)
        client.calls(call.sid).update(url=f"{PUBLIC}/next")
        clock.run_until(lambda: call.status == "completed", within=5)
        server.stop()
        with pytest.raises(http.exceptions.ConnectionError):
            client.calls.list()
    application.shutdown()
    application.server_close()
    twilio.incoming(CALLER, NUMBER)
    clock.run_until(lambda: len(twilio.alerts) == 1, within=5)
    assert twilio.alerts[0].code == 11202
    clock.close()
