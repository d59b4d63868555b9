"""What is wrong with a profile is told in one line each; what it says is what is drawn."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from config.settings import Settings
from config.yaml_file import ConfigErrors
from routing.priority import CRISIS
from routing.simulation.command_line import PROFILE, simulate
from routing.simulation.profile import Profile
from routing.simulation.scenario import DAY_SECONDS
from routing.simulation.staff import draw_scenario
from routing.stations import Stations

MONDAY = date(2026, 6, 8)
TEXT = PROFILE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stations() -> Stations:
    return Stations.load(Path("config"))


@pytest.mark.parametrize(
    ("wrong", "instead", "told"),
    [
        (r"a_day: 20000", "a_day: -1", "calls.a_day: Input should be greater than 0"),
        (r"by_hour: \[.*?\]", f"by_hour: {[0] * 24}", "calls.by_hour: the weights sum to zero"),
        (r"by_hour: \[.*?\]", "by_hour: [1, 2]", "calls.by_hour: Tuple should have at least 24"),
        (r"by_month: \[97", "by_month: [-97", "calls.by_month.0: Input should be greater than or"),
        (r"\{mon: 103.*?\}", "{mon: 0}", "calls.by_weekday: the weights sum to zero"),
        (r'"110000": 2189', '"110001": 2189',
         "calls.by_province.110001: no province has this code (did you mean 110000?)"),
        (r"law: 0.25", "lew: 0.25", "calls.topics.lew: Input should be"),
        (r"mean_seconds: 90", "mean_seconds: 0", "patience.mean_seconds: Input should be greater"),
        (r"mean_seconds: 480, sigma: 0.8", "mean_seconds: 480",
         "talk.law: sigma belongs to lognormal, and lognormal needs it"),
        (r"shortest_seconds: 2", "shortest_seconds: 20",
         "pick_up: shortest_seconds is above longest_seconds"),
        (r'\["08:00-15:00"', '["8 to 15"', 'stations.shifts.0: write hours as "08:30-17:30"'),
        (r"fewest: 2", "fewset: 2", "stations.fewset: unknown key (did you mean fewest?)"),
        (r"count: 40", "count: 400", "weak.count: 415 weak and dead stations of 344"),
        (r"answers: 0.35", "answers: 35", "weak.answers: Input should be less than or equal to 1"),
        (r"centre-wuhan:", "centre-wuhen:",
         "centres.at.centre-wuhen: no station centre-wuhen (did you mean centre-wuhan?)"),
        (r'"420100"', '"999999"', "own_callers_of: no calls come from 999999"),
        (r"\[23, 27, 57\]", "[23, 27]", "counselors: a number for each of the 3 shifts"),
        (r"both_topics_share: 0.3", "both_topics_share: 0.9",
         "law_only_share: with both_topics_share more than 1"),
        (r"judging: \[.*?\]", "judging: []", "seeds.judging: Tuple should have at least 1 item"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(
    stations: Stations, tmp_path: Path, wrong: str, instead: str, told: str
) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(re.sub(wrong, instead, TEXT, count=1, flags=re.DOTALL), encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        Profile.load(path, stations)
    lines = [line for line in caught.value.errors if told in line]
    assert len(lines) == 1
    assert re.match(r".*profile\.yaml:\d+: ", lines[0])


def test_a_day_is_as_the_profile_says(stations: Stations) -> None:
    profile = Profile.load(PROFILE, stations)
    day = draw_scenario(profile, MONDAY, 1, 30)
    expected = sum(profile.calls_an_hour(MONDAY, hour) for hour in range(24))
    assert len(day.calls) == pytest.approx(expected, rel=0.03)
    assert all(0 <= call.at < DAY_SECONDS for call in day.calls)
    assert [call.at for call in day.calls] == sorted(call.at for call in day.calls)
    topics = Counter(call.topic for call in day.calls)
    assert topics["psychology"] / len(day.calls) == pytest.approx(0.55, abs=0.02)
    patience = sum(call.patience for call in day.calls) / len(day.calls)
    assert patience == pytest.approx(90, rel=0.03)
    crises = sum(call.priority == CRISIS for call in day.calls)
    assert crises / len(day.calls) == pytest.approx(0.01, abs=0.003)
    from_guangdong = sum(call.home[:2] == "44" for call in day.calls)
    own = sum(call.home == "centre-guangdong" for call in day.calls)
    assert (from_guangdong + own) / len(day.calls) == pytest.approx(12601 / 141_000, rel=0.1)


def test_who_is_at_work(stations: Stations) -> None:
    """Centres round the clock, the others in their hours, nobody who answers at a dead one."""
    day = draw_scenario(Profile.load(PROFILE, stations), MONDAY, 1, 30)
    at_night = {seat.counselor.station for seat in day.seats if seat.begins <= 10_800 < seat.ends}
    assert at_night == set(day.centres)
    after_midnight = {
        seat.counselor.station for seat in day.seats if seat.begins <= DAY_SECONDS < seat.ends
    }
    assert after_midnight == set(day.centres)
    answering = {seat.counselor.station for seat in day.seats if seat.answers}
    assert not answering & day.dead
    assert len({seat.counselor.id for seat in day.seats}) == len(day.seats)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seeds", "1,1"], "a seed stands twice"),
        (["--seeds", "one"], "write whole numbers by commas"),
        (["--days", "0"], "0 is not in the range"),
        (["--date", "8.6."], "does not match the format"),
    ],
)
def test_a_wrong_word_on_the_command_line(words: list[str], told: str) -> None:
    house = SimpleNamespace(settings=Settings(asterisk_name="gz"))
    result = CliRunner().invoke(simulate, words, obj=house)
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.long
def test_the_report_is_one_page_that_needs_nothing_else(tmp_path: Path) -> None:
    """A policy's name is text, whatever stands in it."""
    small = tmp_path / "small.yaml"
    small.write_text(TEXT.replace("a_day: 20000", "a_day: 300"), encoding="utf-8")
    odd = tmp_path / "odd.yaml"
    odd.write_text("name: {zh-CN: <b>试</b>, en: a < b}\nreach: home\n", encoding="utf-8")
    house = SimpleNamespace(settings=Settings(asterisk_name="gz"))
    words = ["--profile", str(small), "--seeds", "1,2", "--policy", "ours", "--policy", str(odd)]
    result = CliRunner().invoke(
        simulate, [*words, "--out", str(tmp_path / "out")], obj=house, catch_exceptions=False
    )
    assert "15 秒接通率 %" in result.output
    page = (tmp_path / "out" / "simulation.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;试&lt;/b&gt;" in page
    assert "<b>试" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert (tmp_path / "out" / "simulation.png").read_bytes().startswith(b"\x89PNG")
