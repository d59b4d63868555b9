"""The tree of stations: who serves a region, who fills in, and settings that cascade.

A station's id is its region's GB/T 2260 code, `100000` the nation's, `centre-…` a regional
centre's. What a station does not set it has from its parent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    ValidationError,
)

from config.yaml_file import ConfigErrors, YamlFile, describe, field_names, place, suggestion
from routing.regions import FoundRegion, Regions

NATION = "100000"
MANY = 100
"""A province has not so many stations."""
Tiers = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
AccessNumber = Annotated[str, StringConstraints(pattern=r"^[\d-]+$")]


def _each_tier_is_wider(seconds: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    if seconds[0] != 0 or list(seconds) != sorted(seconds):
        raise ValueError("home is asked at 0, and no wider tier before a narrower one")
    return seconds


Widening = Annotated[
    tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt],
    AfterValidator(_each_tier_is_wider),
]
"""Seconds after which home, province, covering centres and every centre are asked."""


def _down_under_up(thresholds: tuple[float, float]) -> tuple[float, float]:
    down, up = thresholds
    if not down < up:
        raise ValueError(
            f"weak under {down:g} and strong from {up:g}: write the lower first, or it flaps"
        )
    return thresholds


def _each_wait_is_longer(seconds: tuple[int, int, int]) -> tuple[int, int, int]:
    if list(seconds) != sorted(seconds):
        raise ValueError("after an accepted probe, after a refused one, at most: shortest first")
    return seconds


Share = Annotated[float, Field(gt=0, lt=1)]
ProbeSeconds = Annotated[int, Field(ge=30, le=3600)]


class StandingSeconds(BaseModel):
    """How long a station stays strong, weak, dead or probing at the least."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strong: NonNegativeInt
    weak: NonNegativeInt
    dead: NonNegativeInt
    probing: NonNegativeInt


class StationSettings(BaseModel):
    """Everything a station can set. The nation sets all of it; the rest inherit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_mode: Literal["provincial", "city", "merged"]
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    strategy: Literal["longest_idle", "least_calls", "skills_first"]
    ring_seconds: Annotated[int, Field(ge=5, le=60)]
    lease_seconds: Annotated[int, Field(ge=5, le=120)]
    wrap_up_seconds: NonNegativeInt
    wrap_up_after_high_risk_seconds: NonNegativeInt
    calls_in_a_row: PositiveInt | None
    rest_seconds: PositiveInt
    high_risk_calls_per_shift: PositiveInt | None
    widen_seconds: Widening
    crisis_widen_seconds: Widening
    crisis_places: PositiveInt
    relax_topic_seconds: Mapping[str, NonNegativeInt]
    relax_language_seconds: Mapping[str, NonNegativeInt]
    overflow_seconds: NonNegativeInt
    neighbours: tuple[str, ...]
    handler_wait_seconds: Annotated[int, Field(ge=0, le=60)]
    reserve_share: Annotated[float, Field(ge=0, lt=1)]
    monitoring_announced: bool
    callback_tries: Annotated[int, Field(ge=1, le=3)]
    callback_every_seconds: Annotated[int, Field(ge=60)]
    callback_within_seconds: PositiveInt
    last_counselor_returns_seconds: PositiveInt
    last_counselor_returns: NonNegativeInt
    service_level_seconds: PositiveInt
    short_abandon_seconds: NonNegativeInt
    survey_after_seconds: NonNegativeInt
    strength_thresholds: Annotated[tuple[Share, Share], AfterValidator(_down_under_up)]
    strength_prior_calls: PositiveInt
    weak_after_calls: Annotated[int, Field(ge=5)]
    absent_after_seconds: PositiveInt
    standing_seconds: StandingSeconds
    probe_seconds: Annotated[
        tuple[ProbeSeconds, ProbeSeconds, ProbeSeconds], AfterValidator(_each_wait_is_longer)
    ]
    probes_accepted: tuple[PositiveInt, PositiveInt]


class _Station(BaseModel):
    """A station as written; its settings are checked once those of its parent are known."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str | None = None
    access_numbers: tuple[AccessNumber, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        return self.model_extra or {}


def _covers_something(provinces: tuple[str, ...]) -> tuple[str, ...]:
    if not provinces:
        raise ValueError("a centre covers at least one province: name it, or delete the centre")
    return provinces


class _Centre(_Station):
    name: str
    region: str
    covers: Annotated[tuple[str, ...], AfterValidator(_covers_something)]


class _StationsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    stations: Mapping[str, _Station]
    centres: Mapping[Annotated[str, StringConstraints(pattern=r"^centre-[a-z]+$")], _Centre]


class Stations:
    """The stations of `stations.yaml` over the regions of `regions.yaml`, both in a directory."""

    def __init__(self, regions: Regions, file: _StationsFile, settings: Settings) -> None:
        self.regions = regions
        self._file = file
        self._settings = settings
        self._by_access_number = {
            _digits(number): station
            for station, about in [*file.stations.items(), *file.centres.items()]
            for number in about.access_numbers
        }

    @classmethod
    def load(cls, directory: Path) -> Stations:
        """Raises ConfigErrors with every mistake of both files."""
        regions = Regions.load(directory)
        yaml = YamlFile(directory / "stations.yaml")
        file = yaml.checked(_StationsFile)
        errors = list(_mistakes(yaml, file, regions))
        settings = _settings(yaml, file, regions, errors)
        if errors:
            raise ConfigErrors(errors)
        return cls(regions, file, settings)

    def __contains__(self, station: object) -> bool:
        return station in self._settings

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def name(self, station: str) -> str:
        about = self._about(station)
        if about is not None and about.name:
            return about.name
        return self.regions.name(station) + "12355"

    def parent(self, station: str) -> str | None:
        """The station that settings come from; None for the nation."""
        return _parent(station, self.regions)

    def region(self, station: str) -> str | None:
        """Where a station is; None for the nation."""
        centre = self._file.centres.get(station)
        if centre is not None:
            return centre.region
        return station if self.regions.get(station) else None

    def home_for(self, region: str | None) -> str:
        """The station that serves a region; the nation where the region is not known."""
        found = self.regions.get(region)
        if found is None:
            return NATION
        if self.settings(found.code).access_mode == "provincial":
            return found.province
        return found.code

    def tiers(self, station: str) -> Tiers:
        """Whom a call of `station` is offered to: home, its province, the centres that cover
        the province and home's neighbours, all other centres. No station is in two tiers; a tier
        may be empty."""
        region = self.regions.get(self.region(station))
        province = region.province if region else None
        home = (station,)
        above = () if province in (None, station) else (str(province),)
        covering = tuple(
            name
            for name, centre in self._file.centres.items()
            if province in centre.covers and name != station
        )
        nearer = {*home, *above, *covering}
        neighbours = [name for name in self.setting(station, "neighbours") if name not in nearer]
        near = (*covering, *dict.fromkeys(neighbours))
        others = tuple(name for name in self._file.centres if name not in {*home, *near})
        return home, above, near, others

    def served_by(self, station: str) -> frozenset[str] | None:
        """The stations of whose calls it may take some; None: of more than MANY."""
        return self._served_by.get(station, frozenset())

    @cached_property
    def _served_by(self) -> Mapping[str, frozenset[str] | None]:
        homes: dict[str, set[str]] = {}
        for home in self:
            for station in chain.from_iterable(self.tiers(home)):
                homes.setdefault(station, set()).add(home)
        return {
            station: frozenset(served) if len(served) <= MANY else None
            for station, served in homes.items()
        }

    def settings(self, station: str) -> StationSettings:
        """Raises KeyError for a station that doesn't exist."""
        return self._settings[station]

    def setting(self, station: str, name: str) -> Any:
        """One of a station's settings, its own or its parent's."""
        return getattr(self._settings[station], name)

    def by_access_number(self, number: str | None) -> str | None:
        """The station whose trunk carries `number`, as `020-12355`, `02012355`, `+862012355`
        or a SIP address of these; None where it tells no place (a bare `12355`)."""
        digits = _digits(number or "")
        if digits in self._by_access_number:
            return self._by_access_number[digits]
        area_code = digits.removesuffix("12355")
        if area_code == digits:
            return None
        owner = self.regions.owner_of_area_code("0" + area_code.lstrip("0"))
        return self.home_for(owner) if owner else None

    def serves(self, number: str, default: str) -> bool:
        """Do we answer calls to this access number? `default`: the short number itself."""
        return number.replace("-", "") == default or self.by_access_number(number) is not None

    def region_from_access(self, number: str | None) -> FoundRegion | None:
        """The region of the trunk: certain, since the carrier's own wiring says it; only likely
        where several cities share the area code."""
        digits = _digits(number or "")
        station = self._by_access_number.get(digits)
        if station is not None:
            return self.regions.found_by_access(self.region(station))
        if digits.endswith("12355"):
            area_code = "0" + digits.removesuffix("12355").lstrip("0")
            return self.regions.found_by_trunk_code(area_code)
        return None

    def _about(self, station: str) -> _Station | None:
        return self._file.stations.get(station) or self._file.centres.get(station)


Settings = Mapping[str, StationSettings]


def _parent(station: str, regions: Regions) -> str | None:
    if station == NATION:
        return None
    region = regions.get(station)
    return NATION if region is None or region.is_province else region.province


def _digits(number: str) -> str:
    """A trunk's number as bare national digits with the area code's 0."""
    user = re.sub(r"^sips?:", "", number.strip()[:64], flags=re.IGNORECASE).split("@")[0]
    digits = "".join(re.findall(r"[0-9]", user))
    national = re.sub(r"^(00)?86", "", digits)
    return digits if national == digits else "0" + national.lstrip("0")


def _settings(yaml: YamlFile, file: _StationsFile, regions: Regions, errors: list[str]) -> Settings:
    """Each station's settings with its parents' under them; mistakes are added to `errors`."""
    known = field_names(StationSettings) | field_names(_Station)
    written: dict[str, dict[str, Any]] = {}
    settings: dict[str, StationSettings] = {}

    def resolve(station: str, where: str, own: dict[str, Any]) -> None:
        parent = _parent(station, regions)
        if parent is not None and not own:
            written[station] = written[parent]
            if parent in settings:
                settings[station] = settings[parent]
            return
        written[station] = {**(written[parent] if parent else {}), **own}
        try:
            settings[station] = StationSettings.model_validate(written[station])
        except ValidationError as error:
            for problem in error.errors():
                keys = place(problem)
                if parent is None or not keys or keys[0] in own:
                    errors.append(yaml.error([where, station, *keys], describe(problem, known)))

    nation = file.stations.get(NATION)
    resolve(NATION, "stations", nation.settings if nation else {})
    for region in sorted(regions, key=lambda region: not region.is_province):
        about = file.stations.get(region.code)
        resolve(region.code, "stations", about.settings if about else {})
    for name, centre in file.centres.items():
        resolve(name, "centres", centre.settings)
    return settings


def _near_code(code: str, codes: list[str]) -> str:
    """A suggestion, of the same province where there is one."""
    return suggestion(code, [other for other in codes if other[:2] == code[:2]] or codes)


def _mistakes(yaml: YamlFile, file: _StationsFile, regions: Regions) -> Iterator[str]:
    codes = [region.code for region in regions]
    for station in file.stations:
        if station != NATION and station not in codes:
            hint = _near_code(station, codes)
            yield yaml.error(["stations", station], f"no region has this code{hint}")
    for name, centre in file.centres.items():
        if centre.region not in codes:
            hint = _near_code(centre.region, codes)
            yield yaml.error(["centres", name, "region"], f"unknown {centre.region}{hint}")
        for index, province in enumerate(centre.covers):
            region = regions.get(province)
            if region is None or not region.is_province:
                hint = suggestion(province, [code for code in codes if code.endswith("0000")])
                message = f"{province} is no province{hint}: write the code of one"
                yield yaml.error(["centres", name, "covers", index], message)
    covered = {province for centre in file.centres.values() for province in centre.covers}
    for region in regions:
        if region.is_province and region.code not in covered:
            yield yaml.error(["centres"], f"no centre covers {region.name} ({region.code})")
    known = {NATION, *codes, *file.centres}
    for where, stations in (("stations", file.stations), ("centres", file.centres)):
        for station, about in stations.items():
            neighbours = about.settings.get("neighbours")
            for index, name in enumerate(neighbours if isinstance(neighbours, list) else ()):
                if name == station:
                    message = f"{name} is no neighbour of its own: delete it"
                elif name not in known:
                    hint = suggestion(str(name), known)
                    message = f"no station {name}{hint}: write a region's code or a centre"
                else:
                    continue
                yield yaml.error([where, station, "neighbours", index], message)
    owners: dict[str, str] = {}
    for where, stations in (("stations", file.stations), ("centres", file.centres)):
        for station, about in stations.items():
            for number in about.access_numbers:
                other = owners.setdefault(_digits(number), station)
                if other != station:
                    message = f"{number} is {other}'s already"
                    yield yaml.error([where, station, "access_numbers"], message)
