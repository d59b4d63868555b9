"""What commands need, each opened when first asked for."""

from __future__ import annotations

from functools import cached_property

from agents.shifts import Shifts
from config.database import Store
from config.settings import Settings
from ivr.assembly import Assembly
from routing.stations import Stations
from workorders.log import Log


class Rooms:
    """The command line's object: `settings`, and the rooms behind them. `close()` at the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def assembly(self) -> Assembly:
        """Raises ConfigErrors, FlowErrors, KeysUnusable, StoreUnavailable."""
        return Assembly.open(self.settings)

    @property
    def store(self) -> Store:
        return self.assembly.store

    @property
    def log(self) -> Log:
        return self.assembly.log

    @property
    def stations(self) -> Stations:
        return self.assembly.stations

    @property
    def shifts(self) -> Shifts:
        """Raises ConfigErrors."""
        return self.assembly.shifts()

    def duty_lead(self, station: str) -> str | None:
        """Raises ConfigErrors."""
        return self.assembly.duty_lead(self.shifts, station)

    def close(self) -> None:
        if "assembly" in self.__dict__:
            self.assembly.store.close()
