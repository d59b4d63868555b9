"""Where a call comes from: provinces, cities and the ways to find them.

Codes are GB/T 2260 (six digits: 440000 a province, 440100 a city in it). A finding says where
it comes from and how far to trust it; what isn't known is None, never a guess. An area code
that several cities share tells no more than their province.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import phonenumbers
from phonenumbers import geocoder
from pydantic import BaseModel, ConfigDict, StringConstraints

from config.yaml_file import ConfigErrors, Key, YamlFile

Code = Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
AreaCode = Annotated[str, StringConstraints(pattern=r"^0\d{2,3}$")]
Postcode = Annotated[str, StringConstraints(pattern=r"^\d{2}$")]

PROVINCE_ENDINGS = ("壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "省", "市")
CITY_ENDINGS = ("地区", "市", "盟")


@dataclass(frozen=True, slots=True)
class Region:
    """A province, or a city in `province` (of a province: itself)."""

    code: str
    name: str
    province: str
    area_codes: tuple[str, ...] = ()

    @property
    def is_province(self) -> bool:
        return self.code == self.province


@dataclass(frozen=True, slots=True)
class FoundRegion:
    """A region of a call, its source and how far to trust it."""

    region: str
    name: str
    source: Literal["access", "number", "stated"]
    confidence: Literal["certain", "likely", "hint"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _City(_Strict):
    name: str
    area_codes: tuple[AreaCode, ...]


class _Province(_Strict):
    name: str
    postcodes: tuple[Postcode, ...]
    area_codes: tuple[AreaCode, ...] = ()
    cities: Mapping[Code, _City] = {}


class _RegionsFile(_Strict):
    provinces: Mapping[Code, _Province]
    shared_area_codes: Mapping[AreaCode, Code]
    former_names: Mapping[str, Code]


class Regions:
    """All regions of the country, read from `regions.yaml` in a directory."""

    def __init__(self, file: _RegionsFile) -> None:
        self._regions: dict[str, Region] = {}
        self._by_place: dict[tuple[str, str], str] = {}
        self._by_area_code: dict[str, list[str]] = {}
        self._postcodes: dict[str, str] = {}
        self._owners = dict(file.shared_area_codes)
        self._former_names = dict(file.former_names)
        self._provinces_by_name: dict[str, str] = {}
        for code, province in file.provinces.items():
            self._add(Region(code, province.name, code, province.area_codes))
            self._provinces_by_name[_short(province.name, PROVINCE_ENDINGS)] = code
            self._postcodes |= dict.fromkeys(province.postcodes, code)
            for city, about in province.cities.items():
                self._add(Region(city, about.name, code, about.area_codes))
                self._by_place[code, _short(about.name, CITY_ENDINGS)] = city

    @classmethod
    def load(cls, directory: Path) -> Regions:
        """Raises ConfigErrors with every mistake of the file."""
        yaml = YamlFile(directory / "regions.yaml")
        file = yaml.checked(_RegionsFile)
        if errors := list(_mistakes(yaml, file)):
            raise ConfigErrors(errors)
        return cls(file)

    def __iter__(self) -> Iterator[Region]:
        return iter(self._regions.values())

    def get(self, code: str | None) -> Region | None:
        return self._regions.get(code) if code else None

    def name(self, code: str) -> str:
        """The name people know, with the province before a city's; the code where unknown."""
        region = self._regions.get(code)
        if region is None:
            return code
        if region.is_province:
            return region.name
        return self._regions[region.province].name + region.name

    def named(self, said: str) -> str | None:
        """The code of a place as people write it: `广州`, `广州市`, `广东省广州市`, `440100`; None
        for none, and for what several places are called."""
        found = {
            region.code
            for region in self
            if said in (region.code, region.name, self.name(region.code), _short_name(region))
        }
        return found.pop() if len(found) == 1 else None

    def province_of(self, code: str) -> str | None:
        """The province a region is in (of a province: itself); None for an unknown one."""
        region = self._regions.get(code)
        return region.province if region else None

    def owner_of_area_code(self, area_code: str) -> str | None:
        """The region whose trunk carries this area code."""
        users = self._by_area_code.get(area_code, [])
        return self._owners.get(area_code) or (users[0] if users else None)

    def of_area_code(self, area_code: str) -> str | None:
        """The city of an area code; the province where several cities share it."""
        return self._common(self._by_area_code.get(area_code, []))

    def from_caller(self, number: str | None) -> FoundRegion | None:
        """A hint from a caller's number: where its line or SIM was issued. Never raises."""
        code = self._of_number(number[:64]) if number else None
        return self._found(code, "number", "hint")

    def from_stated(self, digits: str | None) -> FoundRegion | None:
        """What a caller typed: an area code with or without its 0, or a postcode."""
        digits = (digits or "").strip()
        if not (digits.isascii() and digits.isdigit()):
            return None
        if len(digits) == 6:
            code = self._postcodes.get(digits[:2])
        else:
            code = self.of_area_code("0" + digits.removeprefix("0"))
        return self._found(code, "stated", "likely")

    def found_by_access(self, code: str | None) -> FoundRegion | None:
        """The region of a station whose own trunk a call came in on."""
        return self._found(code, "access", "certain")

    def found_by_trunk_code(self, area_code: str) -> FoundRegion | None:
        """The region whose trunk carries an area code."""
        shared = len(self._by_area_code.get(area_code, ())) > 1
        owner = self.owner_of_area_code(area_code)
        return self._found(owner, "access", "likely" if shared else "certain")

    def _found(
        self,
        code: str | None,
        source: Literal["access", "number", "stated"],
        confidence: Literal["certain", "likely", "hint"],
    ) -> FoundRegion | None:
        region = self.get(code)
        if region is None:
            return None
        return FoundRegion(region.code, self.name(region.code), source, confidence)

    def _add(self, region: Region) -> None:
        self._regions[region.code] = region
        for area_code in region.area_codes:
            self._by_area_code.setdefault(area_code, []).append(region.code)

    def _of_number(self, number: str) -> str | None:
        place = _issued_in(number)
        size = 3 if place.startswith(("内蒙古", "黑龙江")) else 2
        province = self._provinces_by_name.get(place[:size])
        if province is None:
            return None
        rest = place[size:]
        for ending in PROVINCE_ENDINGS:
            rest = rest.removeprefix(ending)
        cities = [self._city(province, name) for name in rest.split("、")]
        return self._common(list(dict.fromkeys(city for city in cities if city))) or province

    def _city(self, province: str, name: str) -> str | None:
        """A city by its name, an autonomous prefecture by the beginning of its, or by a former."""
        short = _short(name, CITY_ENDINGS)
        if not short:
            return None
        same = self._by_place.get((province, short)) or self._former_names.get(name)
        longer = (
            code
            for (its_province, its_name), code in self._by_place.items()
            if its_province == province and its_name.startswith(short)
        )
        return same or next(longer, None)

    def _common(self, codes: list[str]) -> str | None:
        """The one region, or the province several have in common."""
        if len(codes) == 1:
            return codes[0]
        provinces = {self._regions[code].province for code in codes}
        return provinces.pop() if len(provinces) == 1 else None


@lru_cache(maxsize=4096)
def _issued_in(number: str) -> str:
    """The geocoder's Chinese name of where a number belongs; empty for anything else."""
    try:
        parsed = phonenumbers.parse(number, "CN")
    except phonenumbers.NumberParseException:
        return ""
    if parsed.country_code != 86:
        return ""
    return str(geocoder.description_for_valid_number(parsed, "zh"))


def _short_name(region: Region) -> str:
    return _short(region.name, PROVINCE_ENDINGS if region.is_province else CITY_ENDINGS)


def _short(name: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        if len(name) > len(ending) + 1:
            name = name.removesuffix(ending)
    return name


def _mistakes(yaml: YamlFile, file: _RegionsFile) -> Iterator[str]:
    seen: set[str] = set()
    area_codes: dict[str, set[str]] = {}
    for code, province in file.provinces.items():
        if not code.endswith("0000"):
            yield yaml.error(["provinces", code], "a province's code ends in 0000")
        if not province.cities and not province.area_codes:
            yield yaml.error(["provinces", code], "has neither cities nor area codes")
        for city, about in province.cities.items():
            where: list[Key] = ["provinces", code, "cities", city]
            if city in file.provinces:
                message = "a province under a province makes a circle: delete it, or write a city"
                yield yaml.error(where, message)
            elif city[:2] != code[:2]:
                yield yaml.error(where, f"does not belong to {province.name} ({code})")
            if city in seen:
                yield yaml.error(where, "this code is there twice")
            seen.add(city)
            for area_code in about.area_codes:
                area_codes.setdefault(area_code, set()).add(city)
    for area_code, owner in file.shared_area_codes.items():
        if owner not in area_codes.get(area_code, set()):
            yield yaml.error(["shared_area_codes", area_code], f"{owner} does not have this code")
    for name, code in file.former_names.items():
        if code not in seen:
            yield yaml.error(["former_names", name], f"no city has the code {code}")
    for area_code, users in area_codes.items():
        if len(users) > 1 and area_code not in file.shared_area_codes:
            yield yaml.error(
                ["shared_area_codes"], f"{area_code} is shared by {', '.join(sorted(users))}"
            )
