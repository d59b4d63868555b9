"""What the proof finds before a flow is published."""

from datetime import UTC, date, datetime

import pytest

from callflows import speech
from callflows.loader import LIBRARY, load_callflow, load_sources
from callflows.proof import prove
from callflows.workdays import CALENDAR_ENDS, is_workday
from config.settings import CONFIG
from routing.directory import load_services

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
SERVICES = load_services(CONFIG)
CRISIS = (LIBRARY / "crisis.yaml").read_text(encoding="utf-8")

FLOW = """\
name: trial
languages: [zh-CN]
start: greeting
prompts:
  greeting: {zh-CN: 你好}
  wait: {zh-CN: 请等}
steps:
  greeting:
    type: menu
    prompt: greeting
    exits: {"1": anyone, "5": silent, no_input: anyone}
  anyone:
    type: queue
    announcement: wait
    exits: {answered: goodbye, none_available: message}
  silent:
    type: queue
    priority: silent_confirmed
    announcement: wait
    announce_every: 20
    exits: {answered: goodbye, none_available: duty_phone}
  duty_phone:
    type: transfer
    service: duty_phone
    exits: {answered: goodbye, not_answered: pause, not_in_directory: pause}
  pause:
    type: menu
    prompt: wait
    exits: {no_input: silent}
  message:
    type: voicemail
    prompt: greeting
    exits: {recorded: goodbye}
  goodbye:
    type: hang_up
"""


def errors(text, crisis=CRISIS, at=AT):
    problems = prove(load_sources({"trial": text, "crisis": crisis}, "trial"), at, SERVICES)
    return [str(problem) for problem in problems if problem.severity == "error"]


@pytest.mark.parametrize("entry", ["12355", "voicemail", "after_hours"])
def test_shipped_flows_hold(entry):
    """As entries the two others are only partly public: `*` is what must hold of them."""
    problems = prove(load_callflow(LIBRARY, entry), AT, SERVICES)
    assert [p for p in problems if entry == "12355" or p.flow == "crisis"] == []


def test_trial_flow_holds():
    assert errors(FLOW) == []


def changed(*replacements, text=FLOW):
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def test_call_that_ends_before_anybody_is_reached():
    (line,) = errors(
        changed(
            ("none_available: message", "none_available: goodbye"),
            ('"5": silent,', '"5": silent, "9": message,'),
        )
    )
    assert line == (
        "trial.yaml:34:3: error: step goodbye: hang_up ends the call before anybody was reached: "
        "trial.greeting –1→ trial.anyone –none_available→ trial.goodbye"
    )


def test_danger_ends_in_a_message():
    (line,) = errors(changed(("not_answered: pause", "not_answered: message")))
    assert "step message: a caller in danger must not meet a voicemail" in line


CALLBACK = """\
  callback:
    type: offer_callback
    prompt: wait
    safe_to_talk: greeting
    exits: {agreed: goodbye, declined: DECLINED, not_possible: DECLINED}
  goodbye:
"""


def test_a_callback_is_an_end_of_ordinary_ways() -> None:
    offers = ("none_available: message}", 'none_available: message, "8": callback}')
    step = ("  goodbye:\n", CALLBACK.replace("DECLINED", "anyone"))
    assert errors(changed(offers, step)) == []


def test_danger_ends_in_a_callback() -> None:
    offers = ("none_available: duty_phone}", 'none_available: duty_phone, "8": callback}')
    step = ("  goodbye:\n", CALLBACK.replace("DECLINED", "silent"))
    (line,) = errors(changed(offers, step))
    assert "step callback: a caller in danger must not meet a callback" in line


SURVEY = """\
  survey:
    type: survey
    prompt: greeting
    exits: {answered: goodbye, not_answered: goodbye}
  goodbye:
"""
SURVEYED = (
    "answered: goodbye, none_available: message",
    "answered: survey, none_available: message",
)


def test_a_survey_follows_an_ordinary_talk() -> None:
    assert errors(changed(SURVEYED, ("  goodbye:\n", SURVEY))) == []


@pytest.mark.parametrize(
    ("exits", "message"),
    [
        (
            ("answered: goodbye, none_available: duty", "answered: survey, none_available: duty"),
            (
                "a caller in danger must not meet a survey, not even after a talk: "
                "trial.greeting –5→ trial.silent –answered→ trial.survey"
            ),
        ),
        (
            ("recorded: goodbye", "recorded: survey"),
            "a survey comes only after a talk with a counselor: ",
        ),
    ],
    ids=["in danger", "after a message"],
)
def test_a_survey_follows_nothing_else(exits: tuple[str, str], message: str) -> None:
    (line,) = errors(changed(SURVEYED, exits, ("  goodbye:\n", SURVEY)))
    assert f"error: step survey: {message}" in line


def test_the_crisis_flow_asks_nobody_how_it_was() -> None:
    crisis = CRISIS.replace("      answered: end\n", "      answered: survey\n").replace(
        "  end:\n",
        "  survey: {type: survey, prompt: received, exits: {answered: end, not_answered: end}}\n"
        "  end:\n",
    )
    (line,) = errors(FLOW, crisis=crisis)
    assert "step survey: a caller in danger must not meet a survey" in line


def test_a_survey_after_a_sister_line_is_refused() -> None:
    transfer = ON_CALL.replace("answered: goodbye", "answered: survey")
    text = changed(
        ("  anyone:\n", transfer + "  anyone:\n"),
        ("none_available: message}", 'none_available: message, "9": on_call}'),
        ("  goodbye:\n", SURVEY),
        SURVEYED,
    )
    (line,) = errors(text)
    assert "step survey: a survey comes only after a talk with a counselor" in line


def test_danger_ends_in_hanging_up():
    (line,) = errors(changed(("not_answered: pause", "not_answered: goodbye")))
    assert "step goodbye: hang_up ends the call before anybody was reached" in line


def test_recording_notice_in_danger():
    notice = changed(
        ("priority: silent_confirmed", "priority: silent_confirmed\n    recording_notice: wait")
    )
    (line,) = errors(notice)
    assert "step silent: a caller in danger must not meet a recording notice" in line


def test_music_alone_in_danger():
    (line,) = errors(
        changed(
            ("priority: silent_confirmed\n    announcement: wait", "priority: silent_confirmed")
        )
    )
    assert "step silent: a caller in danger must not meet music alone" in line


def test_danger_goes_round_without_anybody_rung():
    (line,) = errors(
        changed(("exits: {no_input: silent}", 'exits: {"1": silent, no_input: pause}'))
    )
    assert "step pause: where nobody is on duty, a caller in danger goes round" in line


def test_danger_goes_round_by_the_queue_while_nobody_is_on_duty():
    (line,) = errors(
        changed(
            (
                "answered: goodbye, none_available: duty_phone",
                "answered: duty_phone, none_available: pause",
            )
        )
    )
    assert line == (
        "trial.yaml:21:35: error: step silent, exits.none_available: where nobody is on duty, a "
        "caller in danger goes round and no duty phone or emergency line is rung, expected a "
        "transfer to duty_phone or psychology: trial.silent → trial.pause → trial.silent"
    )


def test_star_goes_round_by_the_queue_while_nobody_is_on_duty():
    """Whichever way they came to it, one line tells it."""
    again = CRISIS.replace("none_available: duty_phone", "none_available: is_police_known")
    (line,) = errors(FLOW, crisis=again)
    assert "step still_waiting, exits.none_available: where nobody is on duty" in line


def test_a_line_that_does_not_help_in_danger_is_no_way_out():
    (line,) = errors(changed(("service: duty_phone", "service: legal_aid")))
    assert "step silent, exits.none_available: where nobody is on duty" in line


@pytest.mark.parametrize("service", ["police", "ambulance", "fire"])
def test_a_line_of_a_city_is_not_rung_where_the_city_is_unknown(service):
    (line,) = errors(changed(("service: duty_phone", f"service: {service}")))
    assert "step silent, exits.none_available: where nobody is on duty" in line
    first = f"""\
  {service}:
    type: transfer
    service: {service}
    exits: {{answered: goodbye, not_answered: pause, not_in_directory: duty_phone}}
  duty_phone:
"""
    text = changed(
        ("none_available: duty_phone", f"none_available: {service}"), ("  duty_phone:\n", first)
    )
    assert errors(text) == []


def test_the_duty_phone_is_rung_too_late():
    ask = "  ask: {type: menu, prompt: wait, timeout: 12, exits: {no_input: duty_phone}}\n"
    text = changed(
        ("answered: goodbye, none_available: duty_phone", "answered: goodbye, none_available: ask"),
        ("  pause:\n", f"{ask}  pause:\n"),
    )
    (line,) = errors(text)
    assert line == (
        "trial.yaml:21:32: error: step silent, exits.none_available: where nobody is on duty, a "
        "caller in danger waits 12 s until a duty phone or emergency line is rung, 10 at most, "
        "expected a transfer to duty_phone or psychology: trial.greeting –5→ trial.silent"
    )


@pytest.mark.parametrize("key", ["first_announcement", "announce_every"])
def test_music_for_long_in_danger(key):
    text = changed(
        ("    announce_every: 20\n", "    first_announcement: 20\n    announce_every: 20\n")
    )
    (line,) = errors(changed((f"{key}: 20", f"{key}: 21"), text=text))
    number = {"first_announcement": 20, "announce_every": 21}[key]
    assert line == (
        f"trial.yaml:{number}:5: error: step silent, {key}: a caller in danger hears music for "
        "21 s, 20 at most: trial.greeting –5→ trial.silent"
    )


@pytest.mark.parametrize("typo", ["duty_fone", "polise"])
def test_a_service_that_the_directory_does_not_know(typo):
    known = """\
  known:
    type: branch
    in_directory: police
    exits: {listed: pause, otherwise: pause}
  pause:
"""
    meant, place, key = {
        "duty_fone": ("duty_phone", "24:5: error: step duty_phone", "service"),
        "polise": ("police", "28:5: error: step known", "in_directory"),
    }[typo]
    text = changed(("not_answered: pause", "not_answered: known"), ("  pause:\n", known))
    lines = errors(changed((f"{key}: {meant}", f"{key}: {typo}"), text=text))
    expected = f"the directory has no service {typo}: did you mean {meant}?"
    assert f"trial.yaml:{place}, {key}: {expected}" in lines


def test_silence_goes_round():
    lines = errors(changed(("no_input: anyone", "no_input: greeting")))
    assert len(lines) == 1
    assert "step greeting: whoever presses nothing goes round" in lines[0]


def test_silence_is_sent_to_a_message():
    (line,) = errors(changed(("no_input: anyone", "no_input: message")))
    assert "step message: whoever presses nothing comes to a voicemail before any human" in line


def test_priority_that_rises_without_a_key():
    lines = errors(changed(("no_input: anyone", "no_input: silent")))
    assert any("step silent: the priority rises by a key only" in line for line in lines)


def test_human_too_many_keys_away():
    deeper = """\
  second: {type: menu, prompt: wait, exits: {"2": third, no_input: anyone}}
  third: {type: menu, prompt: wait, exits: {"2": experts, no_input: anyone}}
  experts: {type: queue, exits: {answered: goodbye, none_available: message}}
"""
    deep = changed(
        ("no_input: anyone}", 'no_input: anyone, "2": second}'),
        ("  pause:\n", deeper + "  pause:\n"),
    )
    (line,) = errors(deep)
    assert "step experts: a human only after 3 keys, 2 at most" in line


def test_human_too_far_behind_speech():
    lines = errors(changed(("greeting: {zh-CN: 你好}", f"greeting: {{zh-CN: {'你好' * 70}}}")))
    (line,) = [line for line in lines if "step anyone" in line]
    assert "a human only after 39 s, 30 at most: trial.greeting" in line


def test_crisis_that_talks_first():
    slow = CRISIS.replace("start: waiting", "start: talk").replace(
        "steps:\n",
        "steps:\n  talk:\n    type: menu\n    prompt: received\n    timeout: 20\n"
        "    exits: {no_input: waiting}\n",
    )
    lines = errors(FLOW, crisis=slow)
    assert any("step waiting: a human only after" in line for line in lines)


HOURS = """\
  open:
    type: business_hours
    hours: {workdays: ["08:30-17:30"], rest_days: ["10:00-16:00"]}
    exits: {open: anyone, closed: message}
"""


ON_CALL = """\
  on_call:
    type: transfer
    service: duty_phone
    exits: {answered: goodbye, not_answered: message, not_in_directory: message}
"""


def test_every_hour_of_the_year_is_looked_at():
    text = changed(("no_input: anyone", "no_input: open"), ("  anyone:\n", HOURS + "  anyone:\n"))
    (line,) = errors(text, at=datetime(2026, 3, 2, 2, 0, tzinfo=UTC))
    assert "step message: whoever presses nothing comes to a voicemail before any human" in line
    assert line.endswith("(for example on 2026-03-03 at 00:00)")


def test_calendar_running_out_is_a_warning():
    text = changed(
        ("no_input: anyone", "no_input: open"),
        ("  anyone:\n", HOURS.replace("message", "on_call") + ON_CALL + "  anyone:\n"),
    )
    callflow = load_sources({"trial": text, "crisis": CRISIS}, "trial")
    assert prove(callflow, datetime(2026, 3, 2, tzinfo=UTC), SERVICES) == []
    (warning,) = prove(callflow, datetime(CALENDAR_ENDS.year, 12, 1, tzinfo=UTC), SERVICES)
    assert warning.severity == "warning"
    assert f"holidays are known until {CALENDAR_ENDS} only" in warning.message


def test_workdays_follow_the_calendar_and_then_the_week():
    assert is_workday(date(2026, 5, 9))
    assert not is_workday(date(2026, 10, 1))
    assert is_workday(date(2126, 10, 1)) == (date(2126, 10, 1).weekday() < 5)


def test_speech_is_counted_by_syllables_and_words():
    assert speech.seconds("你好，这里是12355。", "zh-CN") == 2.5
    assert speech.seconds("Hello, press 1 now please.", "en") == 2.0
