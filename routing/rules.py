"""How a station routes: what its settings and its place in the tree say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from routing.strategies import STRATEGIES, Strategy


class Places(Protocol):
    """What routing needs of the stations."""

    def tiers(self, station_id: str) -> Sequence[Sequence[str]]:
        """Station ids, nearest first: home, province, covering centres and neighbours, all
        centres."""
        ...

    def setting(self, station_id: str, name: str) -> Any:
        """The station's own or inherited value."""
        ...


class Network(Places, Protocol):
    """And what the queue needs of them."""

    def served_by(self, station_id: str) -> Collection[str] | None:
        """The stations of whose calls it may take some; None: of too many to go by."""
        ...


TIER_NAMES = ("home", "province", "centre", "any")
FIRST_OUTER_TIER = 2
"""From here on help comes from another region, and the caller is told."""


def tier_name(tier: int) -> str:
    return TIER_NAMES[min(tier, len(TIER_NAMES) - 1)]


@dataclass(frozen=True, slots=True)
class Rules:
    """One station's. `tier_of`: the innermost tier of each station that may serve its calls;
    `stations`: those of each tier.
    `widen`: seconds of waiting after which each tier opens. `relax_…`: seconds by topic, `other`
    for the rest. `crisis_places`: how many ring at once. `overflow_seconds`: whoever is expected
    to wait longer at home is offered to the covering centres at once. `reserve_of`: the share of
    its people that each of them keeps for its own callers. `neighbours`: those of the covering
    centres' tier that are asked after these, and as which: the first, the second …
    `handler_wait_seconds`: so long a call waits for whoever handles an open order of its number."""

    tier_of: Mapping[str, int]
    stations: Sequence[Sequence[str]]
    strategy_name: str
    strategy: Strategy
    ring_seconds: int
    lease_seconds: int
    wrap_up_seconds: int
    widen: Sequence[float]
    crisis_widen: Sequence[float]
    crisis_places: int
    relax_topic: Mapping[str, float]
    relax_language: Mapping[str, float]
    overflow_seconds: float
    reserve_of: Mapping[str, float]
    neighbours: Mapping[str, int]
    handler_wait_seconds: float

    @classmethod
    def of(cls, places: Places, station_id: str) -> Rules:
        def setting(name: str) -> Any:
            return places.setting(station_id, name)

        tiers = places.tiers(station_id)
        tier_of: dict[str, int] = {}
        for number, stations in enumerate(tiers):
            for station in stations:
                tier_of.setdefault(station, number)
        return cls(
            tier_of=tier_of,
            stations=tuple(
                tuple(station for station in stations if tier_of[station] == number)
                for number, stations in enumerate(tiers)
            ),
            strategy_name=setting("strategy"),
            strategy=STRATEGIES[setting("strategy")],
            ring_seconds=int(setting("ring_seconds")),
            lease_seconds=int(setting("lease_seconds")),
            wrap_up_seconds=int(setting("wrap_up_seconds")),
            widen=setting("widen_seconds"),
            crisis_widen=setting("crisis_widen_seconds"),
            crisis_places=int(setting("crisis_places")),
            relax_topic=setting("relax_topic_seconds"),
            relax_language=setting("relax_language_seconds"),
            overflow_seconds=float(setting("overflow_seconds")),
            reserve_of={
                station: float(places.setting(station, "reserve_share"))
                for station, tier in tier_of.items()
                if tier >= FIRST_OUTER_TIER
            },
            neighbours={
                station: number
                for number, station in enumerate(setting("neighbours"), start=1)
                if tier_of.get(station) == FIRST_OUTER_TIER
            },
            handler_wait_seconds=float(setting("handler_wait_seconds")),
        )

    @property
    def tiers(self) -> int:
        return len(self.stations)

    def opens_after(self, tier: int, urgent: bool) -> float:
        """Seconds of waiting after which `tier` opens; a tier beyond the list with its last."""
        waits = self.crisis_widen if urgent else self.widen
        return waits[min(tier, len(waits) - 1)]

    def open_tiers(self, waited: float, urgent: bool) -> int:
        """How many tiers are open after `waited` seconds, at least the home one."""
        tiers = range(1, self.tiers)
        return 1 + sum(1 for tier in tiers if self.opens_after(tier, urgent) <= waited)
