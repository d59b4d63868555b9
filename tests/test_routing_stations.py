"""Stations: homes by access mode, tiers, settings that cascade, trunks, mistakes."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.check import check as check_all
from routing.stations import NATION, Stations

CONFIG = Path(__file__).parent.parent / "config"
SHIPPED = Stations.load(CONFIG)


def check(directory: Path) -> list[str]:
    return check_all(directory, directory, CONFIG / "trunks.yaml", "12355", date(2026, 6, 8))[0]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the shipped configuration to spoil."""
    for name in ("regions.yaml", "stations.yaml", "topics.yaml", "directory.yaml"):
        shutil.copy(CONFIG / name, tmp_path / name)
    return tmp_path


def spoil(directory: Path, old: str, new: str) -> None:
    path = directory / "stations.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_each_city_has_its_own_desk_unless_its_province_answers_for_all() -> None:
    assert SHIPPED.home_for("440100") == "440100"
    assert SHIPPED.home_for("440000") == "440000"
    assert SHIPPED.home_for("310000") == "310000"
    assert SHIPPED.home_for("450100") == "450000"


def test_an_unknown_region_is_the_nations(directory: Path) -> None:
    assert SHIPPED.home_for(None) == NATION
    assert SHIPPED.home_for("990000") == NATION
    assert len(SHIPPED.tiers(NATION)[3]) == 6


def test_tiers_widen_from_home_to_every_centre() -> None:
    home, province, covering, others = SHIPPED.tiers("450200")
    assert home == ("450200",)
    assert province == ("450000",)
    assert covering == ("centre-guangdong",)
    assert len(others) == 5


def test_every_station_reaches_all_six_centres_once() -> None:
    centres = {name for name in SHIPPED if name.startswith("centre-")}
    assert len(centres) == 6
    for station in SHIPPED:
        tiers = SHIPPED.tiers(station)
        everyone = [member for tier in tiers for member in tier]
        assert len(everyone) == len(set(everyone)), station
        assert centres <= set(everyone), station
        assert all(member in SHIPPED for member in everyone), station
        assert tiers[2] or station == NATION or station in centres, station


def test_neighbours_follow_the_covering_centres_in_their_order(directory: Path) -> None:
    spoil(
        directory,
        '  "110000": {access_mode',
        '  "440000": {neighbours: [centre-wuhan, "430000", "440300"]}\n  "110000": {access_mode',
    )
    stations = Stations.load(directory)
    home, province, near, others = stations.tiers("440300")
    assert (home, province) == (("440300",), ("440000",))
    assert near == ("centre-guangdong", "centre-wuhan", "430000")
    assert "centre-wuhan" not in others
    assert len(others) == 4


def test_a_station_has_from_its_parent_what_it_does_not_set(directory: Path) -> None:
    spoil(
        directory,
        '  "110000": {access_mode',
        '  "440000": {ring_seconds: 25}\n  "440100": {wrap_up_seconds: 90}\n'
        '  "110000": {access_mode',
    )
    stations = Stations.load(directory)
    assert stations.setting("440100", "ring_seconds") == 25
    assert stations.setting("440100", "wrap_up_seconds") == 90
    assert stations.setting("440300", "ring_seconds") == 25
    assert stations.setting("440300", "wrap_up_seconds") == 30
    assert stations.setting("450100", "ring_seconds") == 15
    assert stations.setting("centre-wuhan", "ring_seconds") == 15


@pytest.mark.parametrize(
    "number",
    ["020-12355", "02012355", "+862012355", "8602012355", "sip:02012355@192.0.2.1", "0086 2012355"],
)
def test_the_trunk_tells_the_station_and_the_region_for_certain(number: str) -> None:
    assert SHIPPED.by_access_number(number) == "440100"
    found = SHIPPED.region_from_access(number)
    assert found is not None
    assert (found.region, found.source, found.confidence) == ("440100", "access", "certain")


def test_a_provinces_one_desk_has_the_trunks_of_its_cities() -> None:
    assert SHIPPED.by_access_number("0771-12355") == "450000"
    found = SHIPPED.region_from_access("0771-12355")
    assert found is not None
    assert found.region == "450100"


@pytest.mark.parametrize("number", [None, "", "12355", "sip:;;;@", "09999-12355", "110"])
def test_a_trunk_without_a_place_tells_none(number: str | None) -> None:
    assert SHIPPED.by_access_number(number) is None
    assert SHIPPED.region_from_access(number) is None


@given(st.text(max_size=80))
def test_no_access_number_raises(number: str) -> None:
    SHIPPED.by_access_number(number)
    SHIPPED.region_from_access(number)


def test_a_station_may_have_a_trunk_of_its_own(directory: Path) -> None:
    spoil(
        directory, '  "110000": {access_mode', '  "211200": {access_numbers: ["0410-12355"]}\n'
        '  "110000": {access_mode',
    )  # fmt: skip
    stations = Stations.load(directory)
    assert stations.by_access_number("041012355") == "211200"
    assert stations.by_access_number("024-12355") == "210100"


def test_names() -> None:
    assert SHIPPED.name("440100") == "广东省广州市12355"
    assert SHIPPED.name("centre-wuhan") == "湖北武汉区域中心"


def test_the_shipped_stations_are_sound() -> None:
    assert check(CONFIG) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            '"450000": {',
            '"440150": {',
            "stations.440150: no region has this code (did you mean 44",
        ),
        ("ring_seconds: 15", "ring_second: 15", "unknown key (did you mean ring_seconds?)"),
        ("ring_seconds: 15", "ring_seconds: soon", "ring_seconds: Input should be a valid integer"),
        ("[0, 0, 10, 20]", "[0, 30, 10, 20]", "no wider tier before a narrower one"),
        ("strategy: longest_idle", "strategy: nobody", "strategy: Input should be 'longest_idle'"),
        (
            'covers: ["320000"',
            'covers: ["320001"',
            "covers.0: 320001 is no province (did you mean 320000?): write the code of one",
        ),
        ('covers: ["320000"', 'covers: ["centre-wuhan"', "centre-wuhan is no province"),
        (
            'covers: ["320000", "340000", "370000"]',
            "covers: []",
            "covers: a centre covers at least one province: name it, or delete the centre",
        ),
        (
            '"450000": {',
            '"450000": {neighbours: ["460000", centre-guangdon], ',
            "stations.450000.neighbours.1: no station centre-guangdon (did you mean centre-guangdo",
        ),
        (
            '"450000": {',
            '"450000": {neighbours: ["450000"], ',
            "stations.450000.neighbours.0: 450000 is no neighbour of its own: delete it",
        ),
        ("access_mode: city", "parent: '440100'", "stations.100000.parent: unknown key"),
        ('region: "320100"', 'region: "320199"', "unknown 320199 (did you mean"),
        (', "540000"]', "]", "no centre covers 西藏自治区 (540000)"),
        ("access_mode: city", "access_mode: [", "not YAML"),
        ("name: 全国12355", "name: 12355", 'write it in quotes: "12355"'),
        ("    wrap_up_seconds: 30\n", "", "wrap_up_seconds: missing"),
        (
            "strength_thresholds: [0.3, 0.8]",
            "strength_thresholds: [0.8, 0.3]",
            "strength_thresholds: weak under 0.8 and strong from 0.3: write the lower first",
        ),
        (
            "probe_seconds: [60, 120,",
            "probe_seconds: [120, 60,",
            "probe_seconds: after an accepted",
        ),
        ("dead: 120,", "ded: 120,", "unknown key (did you mean dead?)"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    directory: Path, old: str, new: str, told: str
) -> None:
    spoil(directory, old, new)
    line = next(line for line in check(directory) if told in line)
    assert "\n" not in line
    assert "stations.yaml:" in line


def test_a_circle_in_the_tree_is_one_line(directory: Path) -> None:
    path = directory / "regions.yaml"
    text = path.read_text(encoding="utf-8")
    first = '      "130100": {'
    circle = '      "130000": {name: 河北省, area_codes: ["0300"]}\n'
    path.write_text(text.replace(first, circle + first, 1), encoding="utf-8")
    line = text[: text.index(first)].count("\n") + 1
    told = "a province under a province makes a circle: delete it, or write a city"
    assert check(directory) == [f"{path}:{line}: provinces.130000.cities.130000: {told}"]


def test_thresholds_the_wrong_way_round_are_told_once(directory: Path) -> None:
    spoil(directory, "strength_thresholds: [0.3, 0.8]", "strength_thresholds: [0.8, 0.3]")
    assert len(check(directory)) == 1


def test_all_mistakes_come_at_once(directory: Path) -> None:
    spoil(directory, "ring_seconds: 15", "ring_seconds: 1")
    spoil(directory, '"540000"]', '"540001"]')
    assert len(check(directory)) >= 3


def test_two_stations_cannot_share_a_trunk(directory: Path) -> None:
    spoil(
        directory, '  "110000": {', '  "440100": {access_numbers: ["4001"]}\n'
        '  "440300": {access_numbers: ["400-1"]}\n  "110000": {',
    )  # fmt: skip
    assert any("400-1 is 440100's already" in line for line in check(directory))


def test_a_table_by_topic_names_known_topics(directory: Path) -> None:
    spoil(directory, "{law: 45,", "{laws: 45,")
    assert any("unknown topic laws (did you mean law?)" in line for line in check(directory))


def test_missing_files_are_one_line_each(tmp_path: Path) -> None:
    assert check(tmp_path) == [
        f"{tmp_path / name}: No such file or directory" for name in ("regions.yaml", "topics.yaml")
    ]


def test_a_trunk_of_several_cities_is_only_likely_the_callers() -> None:
    found = SHIPPED.region_from_access("024-12355")
    assert found is not None
    assert (found.region, found.confidence) == ("210100", "likely")


def test_a_trunk_that_no_station_answers_is_a_mistake(directory: Path) -> None:
    file = directory / "trunks.yaml"
    line = '  - {name: %s, access_number: "%s", sources: [192.0.2.1], peer: "192.0.2.1:5060"}\n'
    wrong = [("a", "020-12345"), ("b", "0209-12355")]
    right = [("c", "020-12355"), ("d", "12355"), ("e", "+8627-12355")]
    file.write_text("trunks:\n" + "".join(line % one for one in wrong + right), encoding="utf-8")
    mistakes, _ = check_all(directory, directory, file, "12355", date(2026, 6, 8))
    assert [mistake.removeprefix(str(file)) for mistake in mistakes] == [
        ":2: trunks.0.access_number: no station has 020-12345: add it to its access_numbers",
        ":3: trunks.1.access_number: no station has 0209-12355: add it to its access_numbers",
    ]
