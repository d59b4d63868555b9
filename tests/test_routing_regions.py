"""Regions: the shipped country, and the four ways to find where a call comes from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import geocoder

from config.yaml_file import ConfigErrors
from routing.regions import Regions

CONFIG = Path(__file__).parent.parent / "config"


@pytest.fixture(scope="module")
def regions() -> Regions:
    return Regions.load(CONFIG)


def test_the_whole_country_is_there(regions: Regions) -> None:
    provinces = [region for region in regions if region.is_province]
    cities = [region for region in regions if not region.is_province]
    assert len(provinces) == 31
    prefectures = [city for city in cities if city.code.endswith("00")]
    assert len(prefectures) == 333
    assert len({region.code for region in regions}) == len(provinces) + len(cities)
    for city in cities:
        assert city.province[:2] == city.code[:2]
        assert city.area_codes, city.name


@pytest.mark.parametrize(
    ("number", "region"),
    [
        ("13570001234", "440100"),
        ("+8613570001234", "440100"),
        ("0755-8888 8888", "440300"),
        ("01065001234", "110000"),
        ("043312345678", "222400"),
        ("0993 2123456", "659001"),
    ],
)
def test_a_callers_number_hints_at_its_city(regions: Regions, number: str, region: str) -> None:
    found = regions.from_caller(number)
    assert found is not None
    assert (found.region, found.source, found.confidence) == (region, "number", "hint")


def test_a_shared_area_code_tells_no_more_than_the_province(regions: Regions) -> None:
    by_number, stated = regions.from_caller("02412345678"), regions.from_stated("024")
    assert by_number is not None
    assert stated is not None
    assert by_number.region == stated.region == "210000"


@pytest.mark.parametrize(
    "number",
    [None, "", "anonymous", "sip:nobody@example.invalid", "+85221234567", "+14155552671", "12355"],
)
def test_a_withheld_or_foreign_number_tells_nothing(regions: Regions, number: str | None) -> None:
    assert regions.from_caller(number) is None


@given(st.text(max_size=80))
def test_no_number_or_key_press_raises(text: str) -> None:
    regions = _loaded()
    regions.from_caller(text)
    regions.from_stated(text)


@pytest.mark.parametrize(
    ("digits", "region"),
    [("020", "440100"), ("20", "440100"), ("0755", "440300"), ("755", "440300"),
     ("510000", "440000"), ("100000", "110000"), ("010", "110000")],
)  # fmt: skip
def test_a_stated_area_code_or_postcode_is_likely(
    regions: Regions, digits: str, region: str
) -> None:
    found = regions.from_stated(digits)
    assert found is not None
    assert (found.region, found.source, found.confidence) == (region, "stated", "likely")


@pytest.mark.parametrize("digits", [None, "", "0", "9", "099", "990000", "12355", "０２０", "0 20"])
def test_other_keys_tell_nothing(regions: Regions, digits: str | None) -> None:
    assert regions.from_stated(digits) is None


def test_area_codes_agree_with_the_numbering_plans_geocoder(regions: Regions) -> None:
    """A land-line number of each city's first code is known to be in that city's province."""
    wrong: Counter[str] = Counter()
    for region in regions:
        if not region.area_codes:
            continue
        number = phonenumbers.parse(region.area_codes[0] + "22345678", "CN")
        place = geocoder.description_for_number(number, "zh")
        found = regions.from_caller(region.area_codes[0] + "22345678")
        if found and found.region[:2] != region.code[:2]:
            wrong[f"{region.name} {region.area_codes[0]}: {place}"] += 1
    assert not wrong


def test_names_carry_the_province(regions: Regions) -> None:
    assert regions.name("440100") == "广东省广州市"
    assert regions.name("110000") == "北京市"


def test_mistakes_of_the_file_come_all_at_once_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "regions.yaml").write_text(
        """provinces:
  "440000":
    name: 广东省
    postcodes: ["51"]
    cities:
      "440100": {name: 广州市, area_codes: ["020"]}
      "450100": {name: 南宁市, area_codes: ["0771"]}
      "440200": {name: 韶关市, area_codes: ["020"]}
shared_area_codes:
  "0751": "440200"
former_names: {}
""",
        encoding="utf-8",
    )
    with pytest.raises(ConfigErrors) as caught:
        Regions.load(tmp_path)
    told = "\n".join(caught.value.errors)
    assert "regions.yaml:7: provinces.440000.cities.450100: does not belong to 广东省" in told
    assert "regions.yaml:10: shared_area_codes.0751: 440200 does not have this code" in told
    assert "020 is shared by 440100, 440200" in told


_cache: list[Regions] = []


def _loaded() -> Regions:
    if not _cache:
        _cache.append(Regions.load(CONFIG))
    return _cache[0]
