"""`run_ivr.py call`: one simulated call on a house of its own, shown as the caller lives it.

The house is a copy: the shipped flows, stations and roster on a store that is thrown away, every
counselor logged in. Nothing real rings and no real order is written.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from agents import presence, roster
from agents.roster import Role
from callflows.events import DialResult, Event
from config.settings import Settings
from ivr.assembly import Assembly
from ivr.controller import Controller
from ivr.pending import OfferedCall, Pending
from ivr.simulated_caller import TelephonesInTurn, TypedCaller
from ivr.simulator import Line, Simulator
from routing import offers
from workorders.views import order_view, orders_of


@dataclasses.dataclass(frozen=True, slots=True)
class SimulatedHouse:
    """The engine's controller, and who is behind what it dials."""

    controller: Controller
    assembly: Assembly

    def offered(self, call: OfferedCall, at: datetime) -> Pending:
        return self.controller.offered(call, at)

    def advanced(self, call_id: str, turn: int, event: Event) -> Pending:
        return self.controller.advanced(call_id, turn, event)

    def hung_up(
        self, call_id: str, at: datetime, dial: DialResult | None, turn: int, talk_seconds: int
    ) -> None:
        self.controller.hung_up(call_id, at, dial, turn, talk_seconds)

    def reservation_waiting(self, call_id: str) -> bool:
        return self.controller.reservation_waiting(call_id)

    def answered_by(self, call_id: str, who: str, at: datetime) -> None:
        self.controller.answered_by(call_id, who, at)

    def tick(self, at: datetime) -> None:
        self.controller.tick(at)

    def who(self, kind: str, target: str) -> list[tuple[str, str]]:
        """(id, name) of everybody a Dial rings."""
        if kind == "directory":
            entry = self.assembly.directory.entry(target)
            return [(target, self.assembly.directory.services[entry.service].zh_cn)]

        def work(connection: Connection) -> list[tuple[str, str]]:
            found = []
            for part in offers.parts_of(connection, target):
                person = roster.get(connection, part.counselor_id)
                name = person.name if person else part.counselor_id
                found.append((part.counselor_id, f"{self._station(part.station)} {name}"))
            return found

        return self.controller.store.read(work)

    def _station(self, station: str) -> str:
        return self.assembly.stations.name(station)


def simulated_call(
    settings: Settings,
    caller: str | None,
    access_number: str,
    keys: Iterator[str],
    at: datetime,
    tell: Callable[[Line], None],
    dials: Iterable[DialResult] = (),
) -> dict[str, Any]:
    """Play one call; the order's view at its end. `dials`: what comes of one Dial after the
    other; then everybody answers."""
    with tempfile.TemporaryDirectory(prefix="simulated-") as folder:
        own = settings.model_copy(update={"data_directory": Path(folder), "store_url": ""})
        assembly = Assembly.open(own)
        try:
            assembly.import_roster(at)
            controller = assembly.controller("simulator", lambda woken: None)
            _staff(controller, at - timedelta(minutes=1))
            call_id = f"{settings.asterisk_name}-simulated"
            call = OfferedCall(call_id, "simulator", "", access_number, caller)
            house = SimulatedHouse(controller, assembly)
            Simulator(house, TypedCaller(keys), TelephonesInTurn(iter(dials)), tell, at).call(call)
            return _order(assembly)
        finally:
            assembly.store.close()


def _staff(controller: Controller, at: datetime) -> None:
    def everybody_logs_in(connection: Connection) -> None:
        for person in roster.everybody(connection):
            if person.role is not Role.DUTY_PHONE:
                presence.log_in(connection, person.id, at)

    controller.counselors_changed(everybody_logs_in, at)


def _order(assembly: Assembly) -> dict[str, Any]:
    def work(connection: Connection) -> dict[str, Any]:
        newest = orders_of(connection, assembly.log.keys, limit=1)[0]
        return dict(order_view(connection, assembly.log.keys, newest["order_no"]))

    return assembly.store.read(work)
