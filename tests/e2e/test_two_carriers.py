"""Two carriers, one queue: real Asterisk and Twilio's stand-in bring calls to one engine, and to
one counselor who has a telephone at each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from config.settings import CONFIG
from ivr.twilio.addresses import Addresses
from routing import waiting
from tests.e2e.fairness import first_come_first_served
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.short_flow import write_short_flows
from tests.e2e.sip_client import Telephone
from tests.e2e.sipp import free_port
from tests.twilio_stand_in import Leg, RealClock, Twilio, over_http
from tests.twilio_stand_in.rest import RestApi, RestServer
from workorders.views import View

pytestmark = pytest.mark.e2e

PROGRAM = Path(__file__).with_name("run_beside_stand_in.py")
PUBLIC = "https://ivr.example.cn"
NUMBER = "+862012355000"
LAW = (1.0, "1")
DESK = "8801"
WRAP_UP = timedelta(seconds=1)
TONE_HERTZ = 1000

ROSTER = f"""
counselors:
  - id: chen
    name: 陈立
    number: "{DESK}"
    station: "440100"
    topics: [law]
    credentials: {{law: 2100-01-01}}
    contacts: [{{kind: sip}}, {{kind: twilio_client, address: chen}}]
"""
NUMBERS = f"""
numbers:
  - {{number: "{NUMBER}", access_number: 020-12355}}
"""


@pytest.fixture(scope="module")
def port() -> int:
    """Where the engine listens for Twilio."""
    return free_port("127.0.0.1")


@pytest.fixture(scope="module")
def twilio(port: int) -> Iterator[Twilio]:
    """An account whose one number is ours."""
    clock = RealClock()
    account = Twilio(
        over_http(f"http://127.0.0.1:{port}"), clock=clock, audio_seconds=lambda url: 4.0
    )
    addresses = Addresses(PUBLIC, b"")
    account.number(NUMBER, addresses.call, status_callback=addresses.status)
    yield account
    clock.close()


@pytest.fixture(scope="module")
def line(
    twilio: Twilio, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A short wrap-up, short prompts."""
    folder = tmp_path_factory.mktemp("configuration")
    for name in ("regions.yaml", "topics.yaml"):
        (folder / name).symlink_to(CONFIG / name)
    stations = (CONFIG / "stations.yaml").read_text("utf-8")
    wrap_up = f"wrap_up_seconds: {WRAP_UP.seconds}"
    (folder / "stations.yaml").write_text(stations.replace("wrap_up_seconds: 30", wrap_up), "utf-8")
    (folder / "roster.yaml").write_text(ROSTER, "utf-8")
    (folder / "numbers.yaml").write_text(NUMBERS, "utf-8")
    with RestServer(RestApi(twilio)) as rest, pytest.MonkeyPatch.context() as environment:
        environment.setenv("TWILIO_STAND_IN", rest.url)
        environment.setenv("IVR_TWILIO_AUTH_TOKEN", twilio.auth_token)
        deployment = Deployment(
            tmp_path_factory.mktemp("l"),
            PROGRAM,
            stations_directory=folder,
            roster_file=folder / "roster.yaml",
            flows_directory=write_short_flows(folder / "flows"),
            twilio_account_sid=twilio.account_sid,
            twilio_assessment="2026-17",
            twilio_public_address=PUBLIC,
            twilio_port=port,
            twilio_caller_id=NUMBER,
            twilio_numbers_file=folder / "numbers.yaml",
        )
        deployment.start()
        deployment.until(lambda: bool(deployment.said("engine_started")))
        yield deployment
        deployment.stop()


@pytest.fixture(autouse=True)
def sound(line: Deployment, twilio: Twilio) -> Iterator[None]:
    yield
    assert line.log_verifies() == []
    assert "Traceback" not in line.engine_log()
    twilio.expect_no_faults()


@contextmanager
def desk_phone(line: Deployment) -> Iterator[Telephone]:
    """The counselor's telephone at Asterisk, which hangs up when the test says so."""
    server = (line.settings.bind_address, line.settings.sip_port)
    with Telephone(f"sip-{DESK}", line.secret(DESK), server) as phone:
        assert phone.register() == 200
        phone.give_sign_of_life()
        yield phone
        assert phone.register(0) == 200


def asks_for_law(twilio: Twilio, caller: str) -> Leg:
    """Somebody calls by Twilio, and presses 1."""
    call = twilio.incoming(caller, NUMBER)
    twilio.clock.run_until(lambda: call.has_heard("法律请按1"), within=20)
    call.press("1")
    return call


def moment(order: View, kind: str) -> datetime:
    """When the only event of this kind happened to an order."""
    (at,) = [event["at"] for event in order["events"] if event["kind"] == kind]
    return datetime.fromisoformat(at)


def one_after_the_other(orders: list[View]) -> bool:
    """Was the counselor rung for each only once the one before was over and written up?"""
    return all(
        moment(before, "ended") + WRAP_UP <= moment(after, "offer_made")
        for before, after in pairwise(orders)
    )


def test_a_caller_of_twilio_waits_for_the_counselor_whom_asterisk_rang(
    line: Deployment, twilio: Twilio
) -> None:
    client = twilio.party("client:chen", answers_after=0.5, hangs_up=False)
    with desk_phone(line) as phone, line.on_duty(DESK):
        first = line.phones.start_call(GUANGZHOU, "13570000501", keys=[LAW])
        with phone.talking(TONE_HERTZ):
            line.until(lambda: line.state(DESK) == "on_call")
            second = asks_for_law(twilio, "+8613570000502")
            twilio.clock.run_until(lambda: second.has_heard("music"), within=20)
            assert len(line.store(waiting.unserved)) == 1
            assert client.legs == []
        assert line.phones.result(first).ended_by == "line"
        twilio.clock.run_until(lambda: any(leg.has_heard("+8613570000502") for leg in client.legs))
        line.until(lambda: line.state(DESK) == "on_call")
        second.hang_up()
        orders = [line.order_of(f"+861357000050{n}") for n in (1, 2)]
    assert [order["channel"] for order in orders] == ["asterisk", "twilio"]
    assert [order["outcome"] for order in orders] == ["answered", "answered"]
    assert {order["first_responder"] for order in orders} == {"counselor:chen"}
    assert one_after_the_other(orders)
    # Out of the queue as soon as the counselor was free, and not by looking there itself.
    assert any(exchange.url.endswith("/reserved") for exchange in second.requests)
    assert [leg.said for leg in client.legs] == [
        [f"广东省广州市，法律，工单{orders[1]['order_no'][-4:]}"]
    ]


def test_who_came_first_is_served_first_whichever_carrier_brought_them(
    line: Deployment, twilio: Twilio
) -> None:
    client = twilio.party("client:chen", answers_after=0.5, hangs_up=False)
    with line.desk(DESK, talks=1.0) as phone:
        first = asks_for_law(twilio, "+8613570000511")
        line.until(lambda: line.state(DESK) == "on_call")
        second = line.phones.start_call(GUANGZHOU, "13570000512", keys=[LAW])
        line.until(lambda: len(line.store(waiting.unserved)) == 1)
        third = asks_for_law(twilio, "+8613570000513")
        line.until(lambda: len(line.store(waiting.unserved)) == 2)
        assert phone.count("rings") == 0
        first.hang_up()
        assert line.phones.result(second).ended_by == "line"
        twilio.clock.run_until(lambda: any(leg.has_heard("+8613570000513") for leg in client.legs))
        line.until(lambda: line.state(DESK) == "on_call")
        third.hang_up()
        orders = [line.order_of(f"+861357000051{n}") for n in (1, 2, 3)]
    assert [order["channel"] for order in orders] == ["twilio", "asterisk", "twilio"]
    assert {order["outcome"] for order in orders} == {"answered"}
    assert {order["first_responder"] for order in orders} == {"counselor:chen"}
    assert first_come_first_served(line, orders)
    assert one_after_the_other(orders)
    assert phone.count("rings") == 1
