"""Sister lines: the right place, verified, or not dialled."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from config.yaml_file import ConfigErrors
from routing.directory import Directory, NotInDirectory, NumberKind
from routing.regions import Regions

CONFIG = Path(__file__).parent.parent / "config"
REGIONS = Regions.load(CONFIG)
TRUNK: frozenset[NumberKind] = frozenset({"local", "international", "national"})
LOCAL: frozenset[NumberKind] = frozenset({"local"})
INTERNATIONAL: frozenset[NumberKind] = frozenset({"international"})

LINES = """verify_every_days: 180
services:
  police: {zh-CN: 公安, en: police, short_code: "110", reach: city}
  legal_aid: {zh-CN: 法律, en: legal aid, short_code: "12348", reach: province}
  psychology: {zh-CN: 心理, en: psychological aid, short_code: "12356", reach: nation}
entries:
  gz-police: {service: police, region: "440100", number: "020110", verified: 2026-06-01}
  sz-police: {service: police, region: "440300", number: "110", verified: 2026-06-01}
  zh-police: {service: police, region: "440400", number: "0756110", verified: null}
  gd-legal: {service: legal_aid, region: "440000", number: "02012348", verified: 2026-06-01}
  psych: {service: psychology, region: null, number: "12356", verified: 2026-06-01}
"""


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    (tmp_path / "directory.yaml").write_text(LINES, encoding="utf-8")
    return tmp_path


@pytest.fixture
def directory(lines: Path) -> Directory:
    return Directory.load(lines, REGIONS, "440300")


def test_the_police_of_the_city_is_found(directory: Directory) -> None:
    entry = directory.find("police", "440100", kinds=TRUNK)
    assert entry == "gz-police"
    assert directory.entry(entry).number == "020110"


@pytest.mark.parametrize("region", [None, "440000", "440200", "310000", "999999"])
def test_no_other_place_gets_that_police(directory: Directory, region: str | None) -> None:
    assert directory.find("police", region, kinds=TRUNK) is None


def test_a_place_only_hinted_at_gets_no_police(directory: Directory) -> None:
    assert directory.find("police", "440100", place_known=False, kinds=TRUNK) is None
    assert directory.find("legal_aid", "440100", place_known=False, kinds=TRUNK) == "gd-legal"


def test_a_bare_short_code_leaves_only_on_a_trunk_of_its_city(directory: Directory) -> None:
    assert directory.find("police", "440300", kinds=TRUNK) is None
    assert directory.find("police", "440300", trunk_region="440100", kinds=TRUNK) is None
    assert directory.find("police", "440300", trunk_region="440300", kinds=TRUNK) == "sz-police"


def test_a_provinces_line_serves_its_cities(directory: Directory) -> None:
    assert directory.find("legal_aid", "440300", kinds=TRUNK) == "gd-legal"
    assert directory.find("legal_aid", "450100", kinds=TRUNK) is None
    assert directory.find("legal_aid", None, kinds=TRUNK) is None


def test_a_national_line_serves_whoever_calls(directory: Directory) -> None:
    assert directory.find("psychology", None, kinds=TRUNK) == "psych"
    assert directory.find("psychology", "540100", kinds=TRUNK) == "psych"


def test_what_nobody_verified_is_not_dialled(directory: Directory) -> None:
    assert directory.find("police", "440400", kinds=TRUNK) is None
    with pytest.raises(NotInDirectory):
        directory.entry("zh-police")


@pytest.mark.parametrize("entry", ["", "110", "+8613800000000", "gz-police&PJSIP/evil", "gz"])
def test_what_is_not_in_the_directory_is_refused(directory: Directory, entry: str) -> None:
    with pytest.raises(NotInDirectory):
        directory.entry(entry)


def test_entries_due_for_a_check_are_named(directory: Directory) -> None:
    assert directory.overdue(date(2026, 11, 28)) == ()
    due = directory.overdue(date(2026, 11, 29))
    assert [line.split(": ")[1].split(".")[1] for line in due] == [
        "gz-police",
        "sz-police",
        "gd-legal",
        "psych",
    ]
    assert "directory.yaml:7: entries.gz-police.verified: 020110 was verified on 2026-06" in due[0]


@pytest.mark.parametrize(
    ("kinds", "police", "legal_aid", "here", "elsewhere"),
    [
        (TRUNK, "gz-police", "gd-legal", "sz-psych", "psych"),
        (LOCAL, None, None, "sz-psych", None),
        (INTERNATIONAL, None, "gd-legal", None, None),
        (frozenset[NumberKind](), None, None, None, None),
    ],
)
def test_what_cannot_be_rung_for_the_call_is_not_found(
    lines: Path,
    kinds: frozenset[NumberKind],
    police: str | None,
    legal_aid: str | None,
    here: str | None,
    elsewhere: str | None,
) -> None:
    (lines / "directory.yaml").write_text(
        LINES.replace('"02012348"', '"+862012348000"')
        + '  sz-psych: {service: psychology, region: "440300", number: "9356",'
        " verified: 2026-06-01, local: true}\n",
        encoding="utf-8",
    )
    directory = Directory.load(lines, REGIONS, None)
    assert directory.find("police", "440100", kinds=kinds) == police
    assert directory.find("legal_aid", "440300", kinds=kinds) == legal_aid
    assert directory.find("psychology", "440300", kinds=kinds) == here
    assert directory.find("psychology", "440100", kinds=kinds) == elsewhere


def test_where_the_nearest_line_cannot_be_rung_a_farther_one_is_found(lines: Path) -> None:
    (lines / "directory.yaml").write_text(
        LINES.replace('number: "12356"', 'number: "+861012356000"')
        + '  sz-psych: {service: psychology, region: "440300", number: "9356",'
        " verified: 2026-06-01, local: true}\n",
        encoding="utf-8",
    )
    directory = Directory.load(lines, REGIONS, None)
    assert directory.find("psychology", "440300", kinds=INTERNATIONAL) == "psych"
    assert directory.find("psychology", "440300", kinds=LOCAL) == "sz-psych"


def test_a_trunk_that_ends_elsewhere_carries_no_bare_short_code(lines: Path) -> None:
    """The call came in in Shenzhen and would leave in Guangzhou: its 110 is Guangzhou's."""
    directory = Directory.load(lines, REGIONS, "440100")
    assert directory.find("police", "440300", trunk_region="440300", kinds=TRUNK) is None


def test_nothing_shipped_is_dialable_before_a_station_checks_it() -> None:
    shipped = Directory.load(CONFIG, REGIONS, "440100")
    for service in shipped.services:
        for region in [None, *(region.code for region in REGIONS)]:
            assert shipped.find(service, region, trunk_region=region, kinds=TRUNK) is None


def test_the_demonstration_dials_only_phones_of_this_server() -> None:
    demo = Directory.load(CONFIG / "demo", REGIONS, None)
    for service in ("police", "ambulance", "psychology", "duty_phone"):
        entry = demo.find(service, "440100", kinds=LOCAL)
        assert entry is not None
        assert demo.entry(entry).local


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("service: legal_aid, reg", "service: legal_ade, reg", "did you mean legal_aid?"),
        ('"440400"', '"440499"', ":9: entries.zh-police.region: unknown region 440499"),
        ('region: "440400"', "region: null", "police is a local line: name the city"),
        ('region: "440400"', 'region: "440300"', "sz-police is the same line of the same place"),
        ('"0756110"', '"0756110&SIP/x"', "entries.zh-police.number:"),
        ("verified: null", "verified: lately", "entries.zh-police.verified:"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(lines: Path, old: str, new: str, told: str) -> None:
    (lines / "directory.yaml").write_text(LINES.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        Directory.load(lines, REGIONS, None)
    assert any(told in error and "directory.yaml:" in error for error in caught.value.errors)
