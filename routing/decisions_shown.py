"""An order's decisions as a manager reads them: a small table each, whoever was taken first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.instants import PEOPLE_TIME
from routing.decisions import Decision, Story
from routing.rules import tier_name
from routing.stations import Stations
from routing.verdicts import Verdict

NAMED = 4
"""So many counselors are named of those whom the same keeps from a call; the others are counted."""


def show(console: Console, story: Story, stations: Stations) -> None:
    """Print it."""
    home = f"{story.home} {_name(stations, story.home)}".rstrip()
    console.print(Text(f"order {story.order_no}, home station {home}"))
    console.print(Text("replayed with the roster, stations and settings of today"))
    for decision in story.decisions:
        console.print()
        for line in _head(decision, stations):
            console.print(Text(line))
        if decision.verdicts:
            console.print(_table(decision.verdicts))
    console.print()
    end = f"{_time(story.ended_at)} {story.outcome}" if story.ended_at else "the call goes on"
    console.print(Text(f"end: {end}"))


def _head(decision: Decision, stations: Stations) -> Iterable[str]:
    call = decision.call
    waited = (decision.at - call.enqueued_at).total_seconds()
    yield (
        f"{_time(decision.at)} {decision.what}. Waited {waited:.0f} s; topic {call.topic},"
        f" language {call.language}, priority {call.priority}"
    )
    if not decision.agrees:
        recorded = _choice(decision.taken, decision.reason)
        replayed = _choice(decision.replayed, decision.replayed_reason)
        yield f"recorded: {recorded}; replayed: {replayed}"
    if decision.taken and decision.reason is None:
        yield f"{', '.join(decision.taken)}: held, and no telephone rang"
    for change in decision.standings:
        name = _name(stations, change.station)
        yield (
            f"{change.station} {name}: {change.to_state} since {_minute(change.at)}"
            f" (change {change.id}: {change.cause}; {change.told()})"
        )
    if decision.results:
        yield "result: " + ", ".join(f"{who} {result}" for who, result in decision.results)


def _choice(ids: Sequence[str], reason: str | None) -> str:
    return (", ".join(ids) or "nobody") + (f" ({reason})" if reason else "")


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table("counselor", "station", "tier", "chosen", "why")
    alike: dict[tuple[bool, str, int | None, tuple[str, ...]], list[str]] = {}
    for verdict in verdicts:
        key = (verdict.chosen, verdict.station, verdict.tier, verdict.reasons)
        alike.setdefault(key, []).append(verdict.counselor_id)
    for (chosen, station, tier, reasons), ids in alike.items():
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        table.add_row(
            ", ".join(ids[:NAMED]) + more,
            station,
            "" if tier is None else tier_name(tier),
            "yes" if chosen else "",
            "; ".join(reasons),
        )
    return table


def _name(stations: Stations, station: str) -> str:
    return stations.name(station) if station in stations else ""


def _time(at: datetime) -> str:
    return f"{at.astimezone(PEOPLE_TIME):%H:%M:%S}"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(PEOPLE_TIME):%Y-%m-%d %H:%M}"
