"""Counselors: states, roster, dialled codes, shifts and the command line."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from agents import presence, roster
from agents.command_line import counselors as counselors_command
from agents.counselor import HELD, TRANSITIONS, Happening, OutOfPlace, State, after
from agents.dialled_codes import CODES, apply_code
from agents.offer_results import OFFER_RESULTS, node_is_failing
from agents.roster import Contact, Role, RosterError, counselors
from agents.roster_file import load_roster
from agents.shifts import Shifts, end_shifts
from callflows.events import DialResult
from config.database import Store
from config.topics import load_topics
from config.yaml_file import ConfigErrors
from tests.routing_stand_in import NOON, counselor, log_in

CONFIG = Path("config")
STATIONS = {"440100", "440000", "centre-wuhan"}
TOPICS = load_topics(CONFIG)


def state_of(store: Store, who: str) -> tuple[str, str | None]:
    query = select(counselors.c.state, counselors.c.reason).where(counselors.c.id == who)
    return tuple(store.read(lambda connection: connection.execute(query).one()))


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("happening", Happening)
def test_whatever_is_not_in_the_table_changes_nothing(state: State, happening: Happening) -> None:
    if (state, happening) in TRANSITIONS:
        assert after(state, happening) in State
    else:
        with pytest.raises(OutOfPlace, match=f"{happening} is not possible while {state}"):
            after(state, happening)


def test_every_state_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS.values()) == {state for state, _ in TRANSITIONS} == set(State)


def test_nobody_held_by_a_call_gets_another() -> None:
    assert not {state for state, what in TRANSITIONS if what is Happening.RESERVE} & HELD


def test_every_result_of_a_dial_has_its_row() -> None:
    assert set(OFFER_RESULTS) == {str(result) for result in DialResult}


@pytest.mark.parametrize(
    ("offers", "unreachable", "failing"),
    [(4, 4, False), (5, 1, False), (5, 2, True), (10, 3, False), (10, 4, True)],
)
def test_a_node_fails_at_more_than_three_of_ten(
    offers: int, unreachable: int, failing: bool
) -> None:
    assert node_is_failing(offers, unreachable) is failing


def test_shipped_roster_is_sound() -> None:
    people = load_roster(CONFIG / "roster.yaml", STATIONS, TOPICS, ())
    assert {who.station for who in people} == STATIONS
    Shifts.load(CONFIG / "shifts.yaml", {who.id for who in people}, STATIONS)


def test_every_mistake_of_a_roster_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(
        """counselors:
  - id: a
    name: 甲
    number: "8001"
    station: "440100"
    topics: [laws]
    contacts: [{kind: sip}]
  - id: b
    name: 乙
    number: "8001"
    station: "999999"
    topics: [law, psychology]
    credentials: {law: 2030-01-01, cooking: 2030-01-01}
    contacts: [{kind: sip}]
""",
        encoding="utf-8",
    )
    with pytest.raises(ConfigErrors) as caught:
        load_roster(file, STATIONS, TOPICS, ["wuhan-centre"])
    assert [line.removeprefix(f"{file}:") for line in caught.value.errors] == [
        "6: counselors.0.topics: no topic laws (did you mean law?)",
        "10: counselors.1.number: 8001 is also 甲's",
        "11: counselors.1.station: no station 999999",
        "13: counselors.1.credentials.cooking: no topic asks for this credential",
        "12: counselors.1.topics: psychology needs the credential psychology",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("number: 8001", '4: counselors.0.number: write it in quotes: "8001"'),
        ('number: "80a1"', "4: counselors.0.number: "),
        ("number: \"8001\"\n    credentials: {law: 2030-02-30}", "5: there is no day 2030-02-30"),
        ("number: \"8001\"\n    nmae: x", "5: counselors.0.nmae: unknown key (did you mean name?)"),
        ("number: \"8001\"\n    role: boss", "5: counselors.0.role: "),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(
        f"counselors:\n  - id: a\n    name: 甲\n    {line}\n"
        '    station: "440100"\n    contacts: [{kind: sip}]\n'
    )
    with pytest.raises(ConfigErrors) as caught:
        load_roster(file, STATIONS, TOPICS, ["wuhan-centre"])
    assert [error for error in caught.value.errors if f":{told}" in error]


def test_an_outside_number_needs_its_country_code(tmp_path: Path) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(
        'counselors:\n  - id: a\n    name: 甲\n    number: "8001"\n    station: "440100"\n'
        '    contacts: [{kind: outside, address: "13800138000"}]\n'
    )
    with pytest.raises(ConfigErrors, match=r":6: .*an outside number is written \+86"):
        load_roster(file, STATIONS, TOPICS, ["wuhan-centre"])


ELSEWHERE = """counselors:
  - id: a
    name: 甲
    number: "8001"
    station: "440100"
    contacts:
      - {kind: outside, address: "+862787654321", trunk: wuhan-centre}
"""


def test_an_outside_number_may_have_a_trunk_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(ELSEWHERE, encoding="utf-8")
    (person,) = load_roster(file, STATIONS, TOPICS, ["wuhan-centre"])
    assert person.contacts == (Contact("outside", "+862787654321", "wuhan-centre"),)
    for old, new, told in (
        ("wuhan-centre", "wuhan-center", ":7: .*no trunk wuhan-center .did you mean wuhan-centre"),
        ("kind: outside", "kind: sip", ":7: .*only an outside number is dialled on a trunk"),
    ):
        file.write_text(ELSEWHERE.replace(old, new), encoding="utf-8")
        with pytest.raises(ConfigErrors, match=told):
            load_roster(file, STATIONS, TOPICS, ["wuhan-centre"])


def test_a_telephone_may_register_at_one_of_several_asterisks(tmp_path: Path) -> None:
    file = tmp_path / "roster.yaml"
    here = ELSEWHERE.replace(
        'kind: outside, address: "+862787654321", trunk: wuhan-centre', "kind: sip, asterisk: gz"
    )
    file.write_text(here, encoding="utf-8")
    (person,) = load_roster(file, STATIONS, TOPICS, ())
    assert person.contacts == (Contact("sip", "8001", asterisk="gz"),)
    assert person.kinds & roster.reached(["sip", "outside"], "gz")
    assert not person.kinds & roster.reached(["sip", "outside"], "wuhan")
    outside = 'kind: outside, address: "+8613800138000"'
    file.write_text(here.replace("kind: sip", outside), encoding="utf-8")
    with pytest.raises(ConfigErrors, match=r":7: .*only sip and browser register"):
        load_roster(file, STATIONS, TOPICS, ())


def test_sip_secrets_are_made_once_and_differ(store: Store) -> None:
    def accounts() -> dict[str, str]:
        return {a.number: a.secret for a in store.read(roster.sip_accounts)}

    for name in "ab":
        store.write(lambda c, name=name: roster.add(c, counselor(name), NOON))
    first = accounts()
    assert len(set(first.values())) == 2
    assert min(map(len, first.values())) >= 20
    store.write(lambda c: roster.add(c, counselor("a", topics=["law"]), NOON))
    assert accounts() == first


def test_a_number_belongs_to_one(store: Store) -> None:
    store.write(lambda c: roster.add(c, counselor("a"), NOON))
    taken = roster.Counselor("b", "b", counselor("a").number, "440100")
    with pytest.raises(RosterError, match="belongs to a"):
        store.write(lambda c: roster.add(c, taken, NOON))


def test_a_change_of_the_roster_is_seen_at_once(store: Store) -> None:
    store.write(lambda c: log_in(c, counselor("a", topics=["law"])))
    store.read(lambda c: presence.present(c, NOON))
    store.write(lambda c: roster.add(c, counselor("a", topics=["psychology"]), NOON))
    (person,) = store.read(lambda c: presence.present(c, NOON))
    assert person.counselor.topics == {"psychology"}
    contacts = store.read(lambda c: roster.contacts_of(c, ["a", "gone"]))
    assert contacts == {"a": (Contact("sip", "a"),)}


def test_whoever_becomes_a_duty_phone_is_there_and_whoever_was_one_logs_in(store: Store) -> None:
    phone, person = counselor("a", role=Role.DUTY_PHONE), counselor("a")
    store.write(lambda c: roster.add(c, person, NOON))
    store.write(lambda c: roster.add(c, phone, NOON))
    free = store.read(lambda c: presence.available(c, [phone.station], NOON))
    assert [one.counselor.role for one in free] == [Role.DUTY_PHONE]
    store.write(lambda c: roster.add(c, person, NOON))
    assert state_of(store, "a") == ("logged_out", None)


def test_a_change_of_role_cuts_no_talk(store: Store) -> None:
    phone, person = counselor("a", role=Role.DUTY_PHONE), counselor("a")
    store.write(lambda c: roster.add(c, phone, NOON))
    store.write(lambda c: presence.reserve(c, "a", "1", NOON))
    store.write(lambda c: roster.add(c, person, NOON))
    assert state_of(store, "a")[0] == "reserved"
    store.write(lambda c: presence.release(c, "a", "1", NOON))
    assert state_of(store, "a")[0] == "logged_out"


def test_calls_are_counted_by_the_day(store: Store) -> None:
    store.write(lambda c: log_in(c, counselor("a")))
    for n in range(2):
        store.write(lambda c, n=n: presence.reserve(c, "a", f"{n}", NOON))
        store.write(lambda c, n=n: presence.answer(c, "a", f"{n}", NOON))
        store.write(lambda c, n=n: presence.end_call(c, "a", f"{n}", timedelta(0), NOON))
    assert store.read(lambda c: presence.present(c, NOON))[0].calls_today == 2
    tomorrow = NOON + timedelta(days=1)
    assert store.read(lambda c: presence.present(c, tomorrow))[0].calls_today == 0


def test_a_late_message_takes_nobody_from_a_call(store: Store) -> None:
    store.write(lambda c: log_in(c, counselor("a")))
    assert store.write(lambda c: presence.reserve(c, "a", "1", NOON))
    assert not store.write(lambda c: presence.reserve(c, "a", "2", NOON))
    store.write(lambda c: presence.release(c, "a", "2", NOON))
    assert state_of(store, "a")[0] == "reserved"
    assert not store.write(lambda c: presence.answer(c, "a", "2", NOON))
    assert store.write(lambda c: presence.answer(c, "a", "1", NOON))
    store.write(lambda c: presence.end_call(c, "a", "2", timedelta(0), NOON))
    assert state_of(store, "a")[0] == "on_call"


@pytest.mark.parametrize(
    ("dialled", "spoken", "state"),
    [
        (["*50"], "logged_in", ("available", None)),
        (["*50", "*52"], "paused", ("paused", "meal")),
        (["*50", "*52", "*50"], "logged_in", ("available", None)),
        (["*50", "*51", "*56"], "paused", ("paused", "recovery")),
        (["*50", "*60"], "logged_out", ("logged_out", None)),
        (["*51"], "refused", ("logged_out", None)),
        (["*99"], "unknown_code", ("logged_out", None)),
    ],
)
def test_dialled_codes(store: Store, dialled: list[str], spoken: str, state: object) -> None:
    store.write(lambda c: roster.add(c, counselor("a"), NOON))
    number = counselor("a").number
    said = [store.write(lambda c, d=d: apply_code(c, number, d, NOON)) for d in dialled]
    assert said[-1] == spoken
    assert state_of(store, "a") == state


def test_logging_in_ends_a_wrap_up(store: Store) -> None:
    store.write(lambda c: log_in(c, counselor("a")))
    store.write(lambda c: presence.reserve(c, "a", "1", NOON))
    store.write(lambda c: presence.answer(c, "a", "1", NOON))
    store.write(lambda c: presence.end_call(c, "a", "1", timedelta(minutes=5), NOON))
    assert state_of(store, "a")[0] == "wrap_up"
    number = counselor("a").number
    assert store.write(lambda c: apply_code(c, number, "*50", NOON)) == "logged_in"
    assert state_of(store, "a") == ("available", None)


def test_logging_out_on_a_call_is_granted_after_it(store: Store) -> None:
    store.write(lambda c: log_in(c, counselor("a")))
    store.write(lambda c: presence.reserve(c, "a", "1", NOON))
    number = counselor("a").number
    assert store.write(lambda c: apply_code(c, number, "*60", NOON)) == "after_this_call"
    assert state_of(store, "a")[0] == "reserved"
    store.write(lambda c: presence.release(c, "a", "1", NOON))
    assert state_of(store, "a")[0] == "logged_out"
    assert store.write(lambda c: apply_code(c, "404", "*60", NOON)) == "unknown_number"


def test_no_code_begins_another() -> None:
    assert not [(a, b) for a in CODES for b in CODES if a != b and a.startswith(b)]


SHIFTS = """
duty_leads: {"440100": a}
shifts:
  - {counselor: a, days: [mon], hours: "08:30-12:00"}
  - {counselor: b, days: [sun], hours: "22:00-06:00"}
"""


@pytest.fixture
def shifts(tmp_path: Path) -> Shifts:
    file = tmp_path / "shifts.yaml"
    file.write_text(SHIFTS)
    return Shifts.load(file, {"a", "b"}, STATIONS)


def test_shifts(shifts: Shifts) -> None:
    """NOON is Monday's, in Shanghai."""
    assert not shifts.on_duty("a", NOON)
    assert shifts.on_duty("a", NOON - timedelta(minutes=1))
    assert not shifts.on_duty("a", NOON - timedelta(days=1, minutes=1))
    assert shifts.on_duty("b", NOON - timedelta(hours=7))
    assert not shifts.on_duty("b", NOON - timedelta(hours=6))
    assert shifts.duty_lead("440100") == "a"
    assert shifts.duty_lead("440000") is None


def test_the_end_of_a_shift_cuts_no_talk(store: Store, shifts: Shifts) -> None:
    store.write(lambda c: log_in(c, counselor("a")))
    store.write(lambda c: log_in(c, counselor("b")))
    store.write(lambda c: presence.reserve(c, "a", "1", NOON))
    store.write(lambda c: presence.answer(c, "a", "1", NOON))
    before = NOON - timedelta(minutes=1)
    assert store.write(lambda c: end_shifts(c, shifts, before, NOON)) == ["a"]
    assert state_of(store, "a")[0] == "on_call"
    assert state_of(store, "b")[0] == "available"
    store.write(lambda c: presence.end_call(c, "a", "1", timedelta(0), NOON))
    assert state_of(store, "a")[0] == "logged_out"


def test_mistakes_in_shifts_name_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "shifts.yaml"
    file.write_text(SHIFTS)
    with pytest.raises(ConfigErrors) as caught:
        Shifts.load(file, {"a"}, set())
    assert [error.split(": ", 2)[2] for error in caught.value.errors] == [
        "nobody is called b",
        "no station 440100",
    ]
    file.write_text(SHIFTS.replace('"08:30-12:00"', "8 to 12"))
    with pytest.raises(ConfigErrors, match=r':4: .*write hours as "08:30-17:30", in quotes'):
        Shifts.load(file, {"a", "b"}, STATIONS)


def test_command_line(store: Store) -> None:
    house = SimpleNamespace(
        store=store,
        stations=STATIONS,
        settings=SimpleNamespace(
            stations_directory=CONFIG,
            roster_file=CONFIG / "roster.yaml",
            trunks_file=CONFIG / "demo" / "trunks.yaml",
        ),
    )

    def run(*words: str) -> Result:
        return CliRunner().invoke(counselors_command, words, obj=house)

    assert run("import").output == "8 counselors\n"
    assert run("login", "gz-lin").output == "gz-lin: available\n"
    assert "林静" in run("list", "--station", "440100").output
    assert "何川" not in run("list", "--station", "440100").output
    assert run("pause", "gz-lin", "--reason", "meal").output == "gz-lin: paused\n"
    assert "paused (meal)" in run("list").output
    assert run("logout", "gz-lin").output == "gz-lin: logged_out\n"
    assert run("login", "nobody").output == "Error: no counselor nobody\n"
    assert "always on" in run("logout", "gd-duty").output

    new = ("add", "x", "--name", "新", "--number", "8301", "--station", "440100")
    assert run(*new, "--topic", "law").output == "Error: law needs the credential law\n"
    assert run(*new, "--topic", "law", "--credential", "law=2030-13-01").exit_code == 2
    added = run(*new, "--topic", "law", "--credential", "law=2020-01-01")
    assert added.output == "x is on the roster\n"
    assert "law (expired)" in run("list").output
    assert run("add", "y", *new[2:]).output == "Error: number 8301 belongs to x\n"
    assert "no trunk wuhn" in run(*new, "--contact", "outside:+862787654321@wuhn").output
    assert run(*new, "--contact", "outside:+862787654321@wuhan").exit_code == 0
    contacts = store.read(lambda c: roster.contacts_of(c, ["x"]))
    assert contacts == {"x": (Contact("outside", "+862787654321", "wuhan"),)}
    assert run(*new, "--contact", "sip:8301@gz").exit_code == 0
    contacts = store.read(lambda c: roster.contacts_of(c, ["x"]))
    assert contacts == {"x": (Contact("sip", "8301", asterisk="gz"),)}
    run("login", "x")
    store.write(lambda c: presence.reserve(c, "x", "1", NOON))
    assert run("logout", "x").output == "x: reserved, as soon as the call is over\n"
    assert run("remove", "x").output == "Error: x is on a call: remove after it\n"
    assert run("remove", "gz-lin").output == "gz-lin is removed\n"


def test_valid_to_the_end_of_the_last_day() -> None:
    who = counselor("a", topics=["law"], until=date(2026, 6, 8))
    assert who.valid_topics(date(2026, 6, 8)) == {"law"}
    assert who.valid_topics(date(2026, 6, 9)) == frozenset()
