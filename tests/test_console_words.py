"""Every word of the pages has an English one, and what is compiled is what is written."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import get_args

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import console
from agents.counselor import State
from agents.dialled_codes import CODES
from agents.offer_results import OFFER_RESULTS
from callflows.data_dips import Priority
from console import words
from console.roles import Role
from console.timeline import Words
from routing.rules import TIER_NAMES
from workorders import life_view
from workorders.callers import Cause
from workorders.life_cycle import KINDS
from workorders.life_cycle import State as OrderState
from workorders.order_rules import Clock
from workorders.referral import Stage

FOLDER = Path(console.__path__[0])
ENGLISH = FOLDER / "translations" / "en" / "LC_MESSAGES"


def written() -> set[str]:
    """All words of the pages, as they stand there."""
    methods = [("templates/**.html", "jinja2"), ("**.py", "python")]
    console_ = {str(found[2]) for found in extract_from_dir(str(FOLDER), methods)}
    return console_ | {str(found[1]) for found in extract_from_file("python", life_view.__file__)}


def catalogue() -> Catalog:
    return read_po(io.BytesIO((ENGLISH / "messages.po").read_bytes()), locale="en")


def test_everything_is_said_in_english_too() -> None:
    english = {str(m.id): m for m in catalogue() if m.id}
    how = "run `make translations` and fill in what is empty"
    assert set(english) == written(), how
    assert [name for name, message in english.items() if not message.string] == [], how
    assert [name for name, message in english.items() if message.fuzzy] == []
    for name, message in english.items():
        holes = re.findall(r"%\(\w+\)s", name)
        assert sorted(re.findall(r"%\(\w+\)s", str(message.string))) == sorted(holes), name


def test_what_is_compiled_is_what_is_written() -> None:
    compiled = read_mo((ENGLISH / "messages.mo").open("rb"))
    assert {m.id: m.string for m in compiled if m.id} == {
        m.id: m.string for m in catalogue() if m.id
    }, "run `make translations`"


def test_every_code_has_a_word() -> None:
    assert set(words.ROLE_NAMES) == set(Role)
    assert set(words.STATES) == set(State)
    assert set(words.PRIORITIES) == set(Priority)
    assert set(words.CAUSES) == {"star", "key_5", *Cause}
    assert set(words.TIERS) == set(TIER_NAMES)
    assert {code.reason for code in CODES.values() if code.reason} <= set(words.REASONS)
    assert {meaning.reason for meaning in OFFER_RESULTS.values() if meaning.reason} <= set(
        words.REASONS
    )
    assert set(OFFER_RESULTS) - {"answered"} <= set(words.RESULTS)
    assert set(life_view.STATES) == set(OrderState)
    assert set(life_view.STAGES) == set(Stage)
    assert set(life_view.CLOCKS) == set(get_args(Clock))


def test_every_kind_of_event_that_is_written_is_told_in_words() -> None:
    kinds = set()
    for folder in ("ivr", "workorders"):
        for file in (FOLDER.parent / folder).rglob("*.py"):
            source = file.read_text("utf-8")
            kinds |= set(re.findall(r'(?:Note|Entry)\(\s*"(\w+)"', source))
            kinds |= set(re.findall(r'_note\([^)]*?\bat, "(\w+)"', source))
            kinds |= set(re.findall(r'log\.append\([^)]*?, "(\w+)", at', source))
    assert {"queued", "offer_made", "handler_released", "answered"} <= kinds
    assert set(words.LIFE) == KINDS
    source = Path(Words._told.__code__.co_filename).read_text("utf-8")
    kinds.add("priority_lowered")
    assert {kind for kind in kinds - KINDS if f'"{kind}"' not in source} == set()
