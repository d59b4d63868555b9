"""The profile of a day: who calls and who answers, as `config/national_profile.yaml` tells it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from random import Random
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from agents.shifts import WEEKDAYS, ShiftHours, Weekday
from config.yaml_file import ConfigErrors, YamlFile, suggestion
from routing.stations import Stations

Share = Annotated[float, Field(ge=0, le=1)]
Topic = Literal["psychology", "law", "unknown"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _not_all_zero(weights: Mapping[str, float]) -> Mapping[str, float]:
    if not sum(weights.values()):
        raise ValueError("the weights sum to zero")
    return weights


def _some(weights: tuple[float, ...]) -> tuple[float, ...]:
    if not sum(weights):
        raise ValueError("the weights sum to zero")
    return weights


class Span(_Strict):
    """A length of time drawn by chance, in seconds. `sigma`: of the lognormal's logarithm."""

    distribution: Literal["exponential", "lognormal", "constant"]
    mean_seconds: PositiveFloat
    sigma: Annotated[float, Field(gt=0, le=3)] | None = None

    @model_validator(mode="after")
    def _sigma_fits(self) -> Self:
        if (self.distribution == "lognormal") != (self.sigma is not None):
            raise ValueError("sigma belongs to lognormal, and lognormal needs it")
        return self

    def draw(self, random: Random) -> float:
        if self.distribution == "exponential":
            return random.expovariate(1 / self.mean_seconds)
        if self.sigma is None:
            return self.mean_seconds
        # The mean of a lognormal is exp(mu + sigma² / 2).
        return random.lognormvariate(math.log(self.mean_seconds) - self.sigma**2 / 2, self.sigma)


class Seeds(_Strict):
    tuning: Annotated[tuple[int, ...], Field(min_length=1)]
    judging: Annotated[tuple[int, ...], Field(min_length=1)]


class Calls(_Strict):
    a_day: PositiveFloat
    by_hour: Annotated[
        tuple[NonNegativeFloat, ...], Field(min_length=24, max_length=24), AfterValidator(_some)
    ]
    by_weekday: Annotated[Mapping[Weekday, NonNegativeFloat], AfterValidator(_not_all_zero)]
    by_month: Annotated[
        tuple[NonNegativeFloat, ...], Field(min_length=12, max_length=12), AfterValidator(_some)
    ]
    by_province: Annotated[Mapping[str, NonNegativeFloat], AfterValidator(_not_all_zero)]
    capital_counts_as: PositiveFloat
    province_desk_share: Share
    topics: Annotated[Mapping[Topic, NonNegativeFloat], AfterValidator(_not_all_zero)]
    crisis_share: Share
    silent_share: Share


class PickUp(_Strict):
    shortest_seconds: NonNegativeFloat
    longest_seconds: NonNegativeFloat

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.shortest_seconds > self.longest_seconds:
            raise ValueError("shortest_seconds is above longest_seconds")
        return self


class Staffing(_Strict):
    shifts: Annotated[tuple[ShiftHours, ...], Field(min_length=1)]
    occupancy: Annotated[float, Field(gt=0, le=1)]
    fewest: PositiveInt
    answers: Share


class Weak(_Strict):
    count: NonNegativeInt
    counselors: NonNegativeInt
    answers: Share


class Dead(_Strict):
    count: NonNegativeInt
    logged_in_share: Share


class Centre(_Strict):
    """`counselors`: at once in each of the centres' shifts."""

    own_callers_of: str
    counselors: tuple[NonNegativeInt, ...]


class Centres(_Strict):
    shifts: Annotated[tuple[ShiftHours, ...], Field(min_length=1)]
    answers: Share
    at: Mapping[str, Centre]


class _ProfileFile(_Strict):
    seeds: Seeds
    calls: Calls
    patience: Span
    talk: Mapping[Topic, Span]
    pick_up: PickUp
    return_after_miss_seconds: PositiveFloat
    stations: Staffing
    both_topics_share: Share
    law_only_share: Share
    weak: Weak
    dead: Dead
    centres: Centres


class Profile:
    """A profile over the stations it speaks of. `weights`: by station that calls come to, its
    share of all calls; they sum to 1."""

    def __init__(self, file: _ProfileFile, stations: Stations) -> None:
        self.file = file
        self.weights = dict(_weights(file, stations))
        self.centres = tuple(file.centres.at)
        self.places = tuple(station for station in self.weights if station not in self.centres)

    @classmethod
    def load(cls, path: Path, stations: Stations) -> Profile:
        """Raises ConfigErrors with every mistake of the file."""
        yaml = YamlFile(path)
        file = yaml.checked(_ProfileFile)
        if errors := list(_mistakes(yaml, file, stations)):
            raise ConfigErrors(errors)
        profile = cls(file, stations)
        chosen = file.weak.count + file.dead.count
        if chosen > len(profile.places):
            message = f"{chosen} weak and dead stations of {len(profile.places)}"
            raise ConfigErrors([yaml.error(["weak", "count"], message)])
        return profile

    def calls_an_hour(self, day: date, hour: int) -> float:
        """How many calls the nation may expect in one hour of a day."""
        calls = self.file.calls
        weekday = calls.by_weekday.get(WEEKDAYS[day.weekday()], 0.0)
        of_week = weekday * len(WEEKDAYS) / sum(calls.by_weekday.values())
        of_year = calls.by_month[day.month - 1] * len(calls.by_month) / sum(calls.by_month)
        of_day = calls.by_hour[hour] / sum(calls.by_hour)
        return calls.a_day * of_week * of_year * of_day

    @property
    def mean_talk_seconds(self) -> float:
        topics = self.file.calls.topics
        spent = sum(share * self.file.talk[topic].mean_seconds for topic, share in topics.items())
        return spent / sum(topics.values())


def _weights(file: _ProfileFile, stations: Stations) -> Iterator[tuple[str, float]]:
    """A province's people over its stations, the callers of a centre's city at the centre."""
    calls = file.calls
    total = sum(calls.by_province.values())
    at_centre = {about.own_callers_of: centre for centre, about in file.centres.at.items()}
    for province, people in calls.by_province.items():
        share = people / total
        cities = _cities(province, stations)
        desk = calls.province_desk_share if cities else 1.0
        yield at_centre.get(province, province), share * desk
        counts = [calls.capital_counts_as if city[2:] == "0100" else 1.0 for city in cities]
        for city, count in zip(cities, counts, strict=True):
            yield at_centre.get(city, city), share * (1 - desk) * count / sum(counts)


def _cities(province: str, stations: Stations) -> list[str]:
    """Prefecture-level cities with a desk of their own."""
    return [
        region.code
        for region in stations.regions
        if region.province == province
        and not region.is_province
        and region.code.endswith("00")
        and stations.home_for(region.code) == region.code
    ]


def _mistakes(yaml: YamlFile, file: _ProfileFile, stations: Stations) -> Iterator[str]:
    provinces = [region.code for region in stations.regions if region.is_province]
    for province in file.calls.by_province:
        if province not in provinces:
            message = f"no province has this code{suggestion(province, provinces)}"
            yield yaml.error(["calls", "by_province", province], message)
    for topic in file.calls.topics:
        if topic not in file.talk:
            yield yaml.error(["talk"], f"{topic} is missing: calls have this topic")
    if file.both_topics_share + file.law_only_share > 1:
        yield yaml.error(["law_only_share"], "with both_topics_share more than 1")
    if file.calls.crisis_share + file.calls.silent_share > 1:
        yield yaml.error(["calls", "silent_share"], "with crisis_share more than 1")
    for name, centre in file.centres.at.items():
        where = ["centres", "at", name]
        if name not in stations:
            yield yaml.error(where, f"no station {name}{suggestion(name, stations)}")
        known = file.calls.by_province
        home = centre.own_callers_of
        if home not in known and home not in {c for p in known for c in _cities(p, stations)}:
            yield yaml.error([*where, "own_callers_of"], f"no calls come from {home}")
        if len(centre.counselors) != len(file.centres.shifts):
            message = f"a number for each of the {len(file.centres.shifts)} shifts"
            yield yaml.error([*where, "counselors"], message)
