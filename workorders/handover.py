"""Handover 交接: offered, and accepted or declined. Until it is accepted the handler stays; not
accepted in time, the duty lead of the station in charge is handler.

An order of a caller from elsewhere 跨区域工单 is offered to the home station, which accepts it and
has the lead 主办 from then on; the station that answered assists 协办. Until then that one stays in
charge, and the tree is told when the home station is late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workorders.life import Case, NotPossible, must_say
from workorders.order import Row, station_in_charge

STATION = "station:"


def offer(case: Case, to: str, reason: str) -> None:
    """Offer the order to `counselor:<id>`.

    :param reason: personal.
    """
    if not to.startswith("counselor:"):
        raise NotPossible(f"handover: {to!r} is no counselor")
    if to == case.actor:
        raise NotPossible("handover: nobody takes an order by themselves, ask its handler")
    if to == case.row["handler"]:
        raise NotPossible(f"handover: {to} is the handler")
    _offer(case, to, reason)
    case.start("handover")
    _record_offer(case, to, reason)


def open_cross_region(case: Case, home: str, reason: str) -> None:
    """Offer the order to the caller's home station, by its id.

    :param reason: personal.
    """
    if home == station_in_charge(case.row):
        raise NotPossible(f"cross-region: station {home} is in charge")
    _offer(case, STATION + home, reason)
    case.start("home_accepts", home)
    _record_offer(case, STATION + home, reason)


def accept(case: Case, station: str | None = None) -> None:
    """The actor is handler from now on.

    :param station: the actor's, by whose offer the order may have come.
    """
    every, offered = _offered(case, station)
    offered["accepted"] = case.at
    columns: dict[str, Any] = {}
    if offered["to"].startswith(STATION):
        before = station_in_charge(case.row)
        assisting = [each for each in case.row["stations_assisting"] or () if each != station]
        columns["station_lead"] = station
        columns["stations_assisting"] = list(dict.fromkeys([*assisting, before]))
        case.end("home_accepts", station)
    else:
        case.end("handover")
    case.record("handover_accepted", handovers=every, **columns)


def decline(case: Case, reason: str, station: str | None = None) -> None:
    """The handler stays; an order that a home station declines is for the tree to settle.

    :param reason: personal.
    """
    every, offered = _offered(case, station)
    offered["declined"] = case.at
    case.end("handover")
    if station is not None:
        case.end("home_accepts", station)
    case.record(
        "handover_declined", notes={"reason": must_say("the reason", reason)}, handovers=every
    )


def lapse(case: Case, duty_lead: Callable[[str], str | None]) -> bool:
    """Nobody accepted in time: the station's duty lead is handler. False where it isn't so.

    :param duty_lead: the counselor id of a station's, which the event names.
    """
    clock = case.running("handover")
    if clock is None or case.at < clock.due:
        return False
    every = case.items("handovers")
    every[-1]["lapsed"] = case.at
    case.end("handover")
    lead = duty_lead(station_in_charge(case.row) or "")
    data = {"from": case.row["handler"], "duty_lead": f"counselor:{lead}" if lead else None}
    case.record("handler_released", data, handovers=every)
    return True


def pending(row: Row) -> dict[str, Any] | None:
    """The handover that is offered and not yet answered."""
    last = dict((row["handovers"] or [{}])[-1])
    answered = any(last.get(name) for name in ("accepted", "declined", "lapsed"))
    return last if last and not answered else None


def _offer(case: Case, to: str, reason: str) -> None:
    case.must_allow("handover_offered")
    must_say("the reason", reason)
    waiting = pending(case.row)
    if waiting is not None:
        raise NotPossible(f"handover: {waiting['to']} has not answered yet")


def _record_offer(case: Case, to: str, reason: str) -> None:
    every = case.items("handovers")
    every.append(
        {"to": to, "by": case.actor, "at": case.at}
        | dict.fromkeys(("accepted", "declined", "lapsed"))
    )
    case.record("handover_offered", {"to": to}, notes={"reason": reason}, handovers=every)


def _offered(case: Case, station: str | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    if pending(case.row) is None:
        raise NotPossible("handover: nothing is offered")
    every = case.items("handovers")
    to = every[-1]["to"]
    if to != case.actor and to != f"{STATION}{station}":
        raise NotPossible(f"handover: it was offered to {to}")
    return every, every[-1]
