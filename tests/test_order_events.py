"""What the order learns of a region that was found, confirmed or denied."""

from __future__ import annotations

from callflows.session import Session
from ivr.order_events import Note, notes_of_change

FOUND = {"region": "440100", "region_source": "number", "region_confidence": "hint"}
CONFIRMED = {"region": "440100", "region_source": "stated", "region_confidence": "certain"}


def notes(old: dict[str, str], new: dict[str, str]) -> list[Note]:
    before, after = (Session("a", "12355", "v", values=values) for values in (old, new))
    return list(notes_of_change(before, after))


def test_a_region_that_is_found() -> None:
    columns = {"region_source": "number", "region_confidence": "hint"}
    assert notes({}, FOUND) == [Note("region_found", "engine", {"region": "440100"}, columns)]
    assert notes(FOUND, FOUND) == []


def test_a_region_that_the_caller_confirms_is_stated() -> None:
    columns = {
        "region_source": "stated",
        "region_confidence": "certain",
        "region_stated": "440100",
    }
    assert notes(FOUND, CONFIRMED) == [
        Note("region_found", "caller", {"region": "440100"}, columns)
    ]


def test_a_region_that_the_caller_denies_is_forgotten() -> None:
    columns = dict.fromkeys(("region_source", "region_confidence", "region_stated"))
    assert notes(CONFIRMED, {}) == [Note("region_denied", "caller", {"region": "440100"}, columns)]
