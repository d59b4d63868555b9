"""A call comes in: its order, what the flow may know of it, and its class.

The trunk leads: the number is a hint that decides the home station only where the trunk tells no
place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from callflows.data_dips import Priority
from ivr.caller_number import e164
from ivr.order_events import CLASS_BY_CAUSE, notes_of_number
from ivr.pending import OfferedCall
from ivr.transaction import Transaction
from routing.regions import FoundRegion
from workorders import callers, number_flags
from workorders.callers import NOTHING
from workorders.number_flags import Kind
from workorders.personal import caller_hash

if TYPE_CHECKING:
    from ivr.house import House


@dataclass(frozen=True, slots=True)
class Arrivals:
    house: House

    def open(
        self, tx: Transaction, call: OfferedCall, version: str, at: datetime
    ) -> tuple[str, dict[str, str], Priority]:
        """Open the order; its number, what the flow may know of the call, and its class."""
        stations = self.house.stations
        access = stations.region_from_access(call.access_number)
        caller = e164(call.caller_id, self._area_code(access))
        hint = stations.regions.from_caller(caller)
        stated = self._stated(call.stated_region)
        leading = access or stated or hint
        home = stations.by_access_number(call.access_number)
        if home is None:
            place = stated or hint
            home = stations.home_for(place.region if place else None)
        language = stations.settings(home).languages[0]
        order_no, opening = self.house.log.opening(
            tx.connection,
            call_id=call.call_id,
            at=at,
            channel=call.came_by or call.carrier,
            access_number=call.access_number,
            caller_id=caller,
            id_trust="original" if caller else "trunk" if call.caller_id else "withheld",
            fields={
                "region_access": access.region if access else None,
                "region_number": hint.region if hint else None,
                "region_stated": stated.region if stated else None,
                "region_source": leading.source if leading else None,
                "region_confidence": leading.confidence if leading else None,
                "station_home": home,
                "flow_version": version,
                "language": language,
                "topic": "unknown",
            },
        )
        known = NOTHING
        if opening is not None:
            tx.notes.open(order_no, opening)
            number = opening.secrets["caller_hash"]
            if number is not None and not self.passed_on(caller):
                known = callers.known(tx.connection, number, at)
                tx.notes.add(order_no, at, notes_of_number(known))
        values = {"access_number": call.access_number, "language": language, "station": home}
        if caller is not None and not self.many_share(tx.connection, caller, at):
            self.house.callbacks.caller_is_back(tx, caller, order_no, at)
        if hint is not None:
            values["number_region"] = hint.region
        if leading is not None:
            values |= {
                "region": leading.region,
                "region_name": leading.name,
                "region_source": leading.source,
                "region_confidence": leading.confidence,
            }
        if known.handler is not None:
            values["handler_of_open_order"] = known.handler
        priority = CLASS_BY_CAUSE[known.cause] if known.cause else Priority.NORMAL
        return order_no, values, priority

    def passed_on(self, number: str | None) -> bool:
        """Is it the number of a line that passes calls on, which may show its own as the caller's:
        one of ours, or of the directory?"""
        if number is None:
            return False
        ours = self.house.stations.by_access_number(number) is not None
        return ours or self.house.directory.has(number)

    def many_share(self, connection: Connection, number: str, at: datetime) -> bool:
        """Is it more than one person's: passed on, or as a supervisor says?"""
        hashed = caller_hash(self.house.log.keys, number)
        return self.passed_on(number) or Kind.SHARED in number_flags.in_force(
            connection, hashed, at
        )

    def _area_code(self, found: FoundRegion | None) -> str | None:
        """The one area code of a region."""
        region = self.house.stations.regions.get(found.region) if found else None
        codes = region.area_codes if region else ()
        return codes[0] if len(codes) == 1 else None

    def _stated(self, code: str | None) -> FoundRegion | None:
        """The region that a caller chose on a page, before the call. A hint of where they are, and
        for routing alone: it may be where they live, or where they are asked from, so no police
        is dialled by it until a counselor has asked."""
        regions = self.house.stations.regions
        region = regions.get(code)
        if region is None:
            return None
        return FoundRegion(region.code, regions.name(region.code), "stated", "hint")
