"""A console with accounts of every role on two branches, and orders of both, without a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, select
from werkzeug.test import TestResponse

from config.settings import CONFIG, Settings
from console import accounts, passwords
from console.accounts import Account
from console.api import tokens
from console.api.openapi import PREFIX
from console.api.scopes import NEEDED, Scope
from console.application import application
from console.audit import Action, audit
from console.outlet import OUTLET
from console.roles import Role
from console.watch import Watch
from ivr.assembly import Assembly
from tests.orders import open_order
from workorders import assessments, sent_out
from workorders.life import Case
from workorders.log import Entry

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
PASSWORD = "a quiet place to talk"
KEPT = passwords.kept(PASSWORD)
CALLER = "+8613800138000"
GUANGZHOU, WUHAN = "440100", "420100"
UNIT = "公安"
PEOPLE = tuple(role for role in Role if role is not Role.SYSTEM)
"""Who has a password."""
_NAMES = ("林静", "梁文", "顾然", "何川", "方宁", "秦朗", "姚远", "沈清", "陆平", "热线平台")
NAMES = dict(zip(Role, _NAMES, strict=True))


class World:
    """`at` is the time; `orders` by what is special about them."""

    def __init__(self, folder: Path, store_url: str = "") -> None:
        self.at = NOON
        settings = Settings(
            data_directory=folder, store_url=store_url, sister_lines_directory=CONFIG / "demo"
        )
        self.assembly = Assembly.open(settings)
        self.assembly.import_roster(NOON)
        self.watch = Watch(self.assembly.store)
        self.app: Flask = application(self.assembly, self.watch, lambda: self.at)
        self.orders: dict[str, str] = {}
        self.assembly.store.write(self._people)
        self.assembly.store.write(self._orders)

    def close(self) -> None:
        self.assembly.store.close()

    def _people(self, connection: Connection) -> None:
        for station in (GUANGZHOU, WUHAN):
            for role in Role:
                who = Account(account_of(role, station), NAMES[role], role, station,
                              unit=UNIT if role is Role.PARTNER else None)  # fmt: skip
                accounts.add(connection, who, KEPT if role in PEOPLE else "", NOON)
        for station, name in (("440000", "province"), ("100000", "nation")):
            boss = Account(name, name, Role.ADMIN, station)
            accounts.add(connection, boss, KEPT, NOON)

    def _orders(self, connection: Connection) -> None:
        self.order(connection, "guangzhou", GUANGZHOU)
        self.order(connection, "wuhan", WUHAN, station_answering="centre-wuhan")
        self.order(connection, "assisted", "440300")
        assessments.convene(self.case(connection, "assisted"), [GUANGZHOU], "两地如何分工")
        self.order(connection, "dispatched", "440300")
        sent_out.dispatch(self.case(connection, "dispatched"), "线下服务台", GUANGZHOU, "家访")
        self.order(connection, "referred", GUANGZHOU)
        sent_out.refer(self.case(connection, "referred"), UNIT, "核实情况")
        # Somebody else's, in either branch.
        self.order(connection, "wuhan_sent_out", WUHAN)
        sent_out.refer(self.case(connection, "wuhan_sent_out"), UNIT, "核实情况")
        sent_out.dispatch(self.case(connection, "wuhan_sent_out"), "线下服务台", WUHAN, "家访")
        self.order(connection, "guangzhou_sent_out", GUANGZHOU)
        sent_out.refer(self.case(connection, "guangzhou_sent_out"), "法援", "法律援助")
        sent_out.dispatch(self.case(connection, "guangzhou_sent_out"), "合作单位", "gz-law", "咨询")

    def case(
        self,
        connection: Connection,
        name: str,
        at: datetime = NOON,
        actor: str = "counselor:gz-lin",
    ) -> Case:
        """The order of this name, for an act of its life."""
        return Case(connection, self.assembly.log, self.orders[name], at, actor)

    def order(
        self, connection: Connection, name: str, home: str, station_answering: str = ""
    ) -> str:
        """An order whose call is over, one a minute."""
        log = self.assembly.log
        at = NOON - timedelta(hours=1) + timedelta(minutes=len(self.orders))
        order_no = open_order(
            log, connection, call_id=name, at=at, channel="asterisk", access_number="020-12355",
            caller_id=CALLER, id_trust="original", fields={"station_home": home, "topic": "law"},
        )  # fmt: skip
        answering = station_answering or home
        answered = Entry(
            "answered", at, "counselor:gz-lin", {"offer": "o", "station": answering},
            {"station_answering": answering},
        )  # fmt: skip
        rung = {"offer": "o", "counselors": ["gz-lin"], "stations": [answering], "tier": 0}
        offered = Entry("offer_made", at, "engine", rung)
        entries = [
            offered,
            answered,
            Entry.closing(at + timedelta(seconds=90), "answered", "caller"),
        ]
        log.append_all(connection, order_no, entries)
        self.orders[name] = order_no
        return order_no

    def browser(self, account_id: str | None = None) -> Browser:
        """Logged in, where an account is given."""
        browser = Browser(self.app)
        if account_id is not None:
            answer = browser.log_in(account_id)
            assert answer.status_code == 302, answer.text
        return browser

    def program(self, account_id: str, *scopes: Scope, address: str = "198.51.100.9") -> Program:
        """With a token of this account, of all scopes its role may have unless they are given."""

        def work(connection: Connection) -> str:
            who = accounts.get(connection, account_id)
            assert who is not None
            wanted = scopes or [scope for scope in Scope if NEEDED[scope](who.may)]
            until = self.at + timedelta(days=30)
            return tokens.add(connection, who, wanted, "test", self.at, until)

        return Program(self.app, self.assembly.store.write(work), address)

    def audited(self, *actions: Action) -> list[tuple[str, str, str | None, str | None]]:
        """Account, action, order and detail of each line of these actions."""
        c = audit.c
        query = select(c.account, c.action, c.order_no, c.detail).where(c.action.in_(actions))
        return self.assembly.store.read(
            lambda connection: [tuple(row) for row in connection.execute(query.order_by(c.id))]
        )


class Unread:
    """A connection on which nobody reads what goes on."""

    def take(self, left: Callable[[], None]) -> None: ...

    def write(self, told: bytes) -> None: ...

    def end(self) -> None: ...


class Browser:
    """What a browser does: keeps cookies, and sends the guard of the form it was shown."""

    def __init__(self, app: Flask, address: str = "198.51.100.7") -> None:
        self._client: FlaskClient = app.test_client()
        self._all = {
            "base_url": "https://desk.example.cn",
            "environ_base": {"REMOTE_ADDR": address, OUTLET: Unread()},
        }
        self.guard = ""

    def get(self, path: str, **headers: str) -> TestResponse:
        answer = self._client.get(path, headers=headers, **self._all)
        if answer.mimetype == "text/html":
            found = re.search('name="csrf_token" value="([^"]+)"', answer.text)
            self.guard = found[1] if found else self.guard
        return answer

    def post(
        self, path: str, form: dict[str, str] | None = None, htmx: bool = False
    ) -> TestResponse:
        headers = {
            "Referer": "https://desk.example.cn/",
            **({"HX-Request": "true"} if htmx else {}),
        }
        data = {"csrf_token": self.guard, **(form or {})}
        return self._client.post(path, data=data, headers=headers, **self._all)

    def log_in(self, account_id: str, password: str = PASSWORD, back: str = "") -> TestResponse:
        self.get("/login")
        answer = self.post("/login", {"account": account_id, "password": password, "next": back})
        if answer.status_code == 302:
            self.get("/account/")
        return answer


class Program:
    """What a program does: shows its token, and sends JSON."""

    def __init__(self, app: Flask, token: str, address: str) -> None:
        self._client: FlaskClient = app.test_client(use_cookies=False)
        self.token = token
        self._address = address

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> TestResponse:
        """:param path: below the API's."""
        given = {"Authorization": f"Bearer {self.token}"} | headers
        return self._client.open(
            PREFIX + path,
            method=method,
            json=body,
            headers=given,
            base_url="https://desk.example.cn",
            environ_base={"REMOTE_ADDR": self._address},
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object, **headers: str) -> TestResponse:
        return self.ask("POST", path, body, **headers)


def account_of(role: Role, station: str) -> str:
    return f"{role}-{station}"
