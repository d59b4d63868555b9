"""Puts the rooms of one process together from settings given by `run_ivr.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from agents import roster
from agents.roster_file import load_roster
from agents.shifts import Shifts, gone
from config.database import Store
from config.migrate import migrate
from config.reserve import Reserve
from config.settings import Settings
from config.topics import load_topics
from config.trunks import TrunkEntry, load_trunks
from config.yaml_file import ConfigErrors, suggestion
from ivr.controller import Controller
from ivr.house import House
from ivr.publications import Publications
from ivr.sister_lines import carrier_numbers
from ivr.transaction import Woken
from routing.directory import Directory
from routing.queues import Queues
from routing.stations import Stations
from workorders.deadlines import Due
from workorders.escalation import tell_due
from workorders.handlers import release
from workorders.keys import Keys
from workorders.log import Log


@dataclass(frozen=True, slots=True)
class Assembly:
    """What one process needs: open store, migrated, and the data a deployment edits."""

    settings: Settings
    store: Store
    log: Log
    stations: Stations
    directory: Directory

    @classmethod
    def open(cls, settings: Settings) -> Assembly:
        """Raises ConfigErrors, KeysUnusable, StoreUnavailable."""
        stations = Stations.load(settings.stations_directory)
        outbound = _outbound_region(settings, stations)
        directory = Directory.load(settings.sister_lines_directory, stations.regions, outbound)
        settings.data_directory.mkdir(parents=True, exist_ok=True)
        keys = Keys.load(settings.keys_directory)
        store = Store(settings.store, Reserve(settings.spool_reserve))
        migrate(store)
        return cls(settings, store, Log(keys), stations, directory)

    def publications(self) -> Publications:
        """Publish what stands in the flows' folder, and serve it."""
        settings = self.settings
        return Publications.open(
            self.store,
            settings.flows_directory,
            settings.entry_flow,
            datetime.now(UTC),
            self.directory.services,
        )

    def controller(self, engine: str, wake: Callable[[Woken], None]) -> Controller:
        """:param engine: this process's name. `wake`: told of waiting calls to wake."""
        house = House(
            self.log,
            Queues(self.stations),
            self.stations,
            self.directory,
            self.settings.default_access_number,
            self.settings.recordings_directory,
            carrier_numbers(self.settings),
        )
        return Controller(self.store, house, self.publications(), engine, wake)

    def shifts(self) -> Shifts:
        """The plan of shifts. Raises ConfigErrors."""
        people = self.store.read(roster.everybody)
        known = {person.id for person in people}
        return Shifts.load(self.settings.shifts_file, known, self.stations)

    def duty_lead(self, shifts: Shifts, station: str) -> str | None:
        """The counselor id of the station's duty lead, else of the station's above it."""
        above: str | None = station
        while above is not None and above in self.stations:
            lead = shifts.duty_lead(above)
            if lead is not None:
                return lead
            above = self.stations.parent(above)
        return None

    def release_handlers(self, shifts: Shifts, at: datetime) -> int:
        """Orders whose handler's shift is over go to their station's duty lead; how many did."""

        def work(connection: Connection) -> int:
            over = gone(connection, shifts, at)
            return release(
                connection, self.log, over, lambda station: self.duty_lead(shifts, station), at
            )

        return self.store.write(work)

    def tell_due(self, shifts: Shifts | None, at: datetime) -> list[Due]:
        """Remind of deadlines and escalate; what was told. Several engines tell it once."""

        def lead(station: str) -> str | None:
            return self.duty_lead(shifts, station) if shifts is not None else None

        def parent(station: str) -> str | None:
            return self.stations.parent(station) if station in self.stations else None

        return self.store.write(lambda connection: tell_due(connection, self.log, at, parent, lead))

    def import_roster(self, at: datetime) -> int:
        """Add or change everybody of the roster file; how many there are. Raises ConfigErrors,
        RosterError."""
        topics = load_topics(self.settings.stations_directory)
        people = load_roster(
            self.settings.roster_file,
            self.stations,
            topics,
            {trunk.name for trunk in load_trunks(self.settings.trunks_file)},
        )

        def work(connection: Connection) -> int:
            for person in people:
                roster.add(connection, person, at)
            return len(people)

        return self.store.write(work)


def _outbound_region(settings: Settings, stations: Stations) -> str | None:
    """The city that the outbound trunk ends in, where there is one and that is certain. Raises
    ConfigErrors, also for a trunk whose callers no station would serve."""
    trunks: dict[str, TrunkEntry] = {
        trunk.name: trunk
        for trunk in load_trunks(
            settings.trunks_file,
            lambda number: stations.serves(number, settings.default_access_number),
        )
    }
    name = settings.outbound_trunk
    if not name:
        return None
    if name not in trunks:
        hint = suggestion(name, trunks)
        raise ConfigErrors(
            [f"IVR_OUTBOUND_TRUNK: {settings.trunks_file} has no trunk {name}{hint}"]
        )
    place = stations.region_from_access(trunks[name].access_number)
    return place.region if place and place.confidence == "certain" else None
