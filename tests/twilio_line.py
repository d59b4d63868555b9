"""A line that Twilio brings its calls to: our own webhooks behind the stand-in, on its clock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from ruamel.yaml import YAML
from sqlalchemy import Connection
from twilio.request_validator import RequestValidator

from agents import presence, roster
from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.transaction import Woken
from ivr.twilio.carrier import TwilioCarrier
from ivr.twilio.rest import TwilioRest
from tests.twilio_stand_in import Clock, Twilio, over_flask
from tests.twilio_stand_in.fetching import Reply
from tests.twilio_stand_in.leg import Leg
from tests.twilio_stand_in.rest import InProcessHttpClient, RestApi
from workorders.verify import verify
from workorders.views import View, order_view, orders_of

NUMBER = "+862012355000"
CALLER = "+8613570001234"
PUBLIC = "https://ivr.example.cn/line"
COUNSELORS = (
    ("gz-chen", "8002", "law", {"kind": "twilio_client", "address": "chen"}),
    ("gz-lin", "8001", "psychology", {"kind": "twilio_client", "address": "lin"}),
    ("gz-fang", "8003", "law", {"kind": "outside", "address": "+8613900001111"}),
    ("gz-sip", "8004", "law", {"kind": "sip_uri", "address": "sip:sun@phones.example.cn"}),
)


class TwilioLine:
    """:param store_url: empty: SQLite in `folder`."""

    def __init__(self, folder: Path, store_url: str = "", **settings: Any) -> None:
        self.clock = Clock()
        self.twilio = Twilio(self._fetch, clock=self.clock)
        self.api = RestApi(self.twilio)
        self.settings = Settings(
            data_directory=folder / "data",
            store_url=store_url,
            roster_file=_roster(folder / "roster.yaml"),
            twilio_numbers_file=_numbers(folder / "numbers.yaml"),
            twilio_account_sid=self.twilio.account_sid,
            twilio_auth_token=SecretStr(self.twilio.auth_token),
            twilio_assessment="2026-17",
            twilio_public_address=PUBLIC,
            twilio_caller_id=NUMBER,
            **{"sister_lines_directory": CONFIG / "demo"} | settings,
        )
        self.assembly = Assembly.open(self.settings)
        self.assembly.import_roster(self.clock.now())
        self.controller = self.assembly.controller("engine", self._wake)
        self.carrier = TwilioCarrier(
            self.assembly,
            self.controller,
            self.clock.now,
            TwilioRest(
                self.twilio.account_sid,
                self.twilio.auth_token,
                InProcessHttpClient(self.api),
                self._download,
            ),
        )
        self._inside = over_flask(self.carrier.application)
        self.twilio.number(
            NUMBER,
            self.carrier.addresses.call,
            status_callback=self.carrier.addresses.status,
        )
        self.wakes = True
        self._tick()

    def close(self) -> None:
        keys, seals = self.assembly.log.keys, self.settings.seal_file
        assert verify(self.assembly.store, keys, seals) == []
        self.assembly.store.close()
        self.twilio.expect_no_faults()

    def logs_in(self, *who: str) -> None:
        def work(connection: Connection) -> None:
            for counselor in who:
                presence.log_in(connection, counselor, self.clock.now())

        self.controller.counselors_changed(work, self.clock.now())

    def presence(self, who: str, *, available: bool) -> None:
        """The counselor comes, or goes."""
        change = presence.log_in if available else presence.log_out
        now = self.clock.now()
        self.controller.counselors_changed(lambda c: change(c, who, now), now)

    def state(self, who: str) -> str:
        def work(connection: Connection) -> str:
            row = connection.execute(
                roster.counselors.select().where(roster.counselors.c.id == who)
            ).one()
            return str(row.state)

        return self.assembly.store.read(work)

    def busy(self, who: str, key: str = "1") -> Leg:
        """The one counselor who is there talks with a caller; the caller's call."""
        call = self.twilio.incoming(CALLER, NUMBER)
        call.press(key, after=4)
        self.clock.run_until(lambda: self.state(who) == "on_call", within=30)
        return call

    def behind(self, key: str = "1") -> Leg:
        """Somebody else calls."""
        call = self.twilio.incoming("+8613570009999", NUMBER)
        if key:
            call.press(key, after=4)
        return call

    def until_over(self, call: Leg, within: float = 300) -> None:
        self.clock.run_until(lambda: call.status == "completed", within=within)

    def orders(self, limit: int = 100) -> list[View]:
        """Whole, oldest first."""
        keys = self.assembly.log.keys

        def work(connection: Connection) -> list[View]:
            numbers = [row["order_no"] for row in orders_of(connection, keys, limit=limit)]
            return [order_view(connection, keys, number) for number in sorted(numbers)]

        return self.assembly.store.read(work)

    def _fetch(
        self, method: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Reply:
        """A proxy with a path of its own stands before us, and speaks plain HTTP behind it."""
        assert url.startswith(PUBLIC)
        return self._inside(method, "http://inside:8090" + url.removeprefix(PUBLIC), form, headers)

    def post(self, path: str, form: Mapping[str, str]) -> int:
        """A request signed as Twilio's, whoever sends it; the answer's status."""
        url = PUBLIC + path
        signature = RequestValidator(self.twilio.auth_token).compute_signature(url, dict(form))
        return self._fetch("POST", url, form, {"X-Twilio-Signature": signature}).status

    def _wake(self, woken: Woken) -> None:
        if self.wakes:
            self.carrier.release(woken)

    def _tick(self) -> None:
        self.controller.tick(self.clock.now())
        self.carrier.tick()
        self.carrier.desk_work.look()
        self.carrier.desk_work.look_after_conferences()
        self.clock.after(1, self._tick)

    def _download(self, address: str, login: tuple[str, str]) -> tuple[int, bytes]:
        answer = self.api.app.test_client().get(address, auth=login)
        return answer.status_code, answer.data


def kinds(order: Mapping[str, Any]) -> list[str]:
    """What happened to an order."""
    return [event["kind"] for event in order["events"]]


def _roster(file: Path) -> Path:
    people = [
        {
            "id": who,
            "name": who,
            "number": number,
            "station": "440100",
            "topics": [topic],
            "credentials": {topic: "2030-12-31"},
            "contacts": [contact],
        }
        for who, number, topic, contact in COUNSELORS
    ]
    YAML().dump({"counselors": people}, file)
    file.write_text(file.read_text().replace("'2030-12-31'", "2030-12-31"))
    return file


def _numbers(file: Path) -> Path:
    YAML().dump({"numbers": [{"number": NUMBER, "access_number": "020-12355"}]}, file)
    return file
