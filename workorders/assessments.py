"""Joint assessment 联合研判 of a cross-region order: each station that takes part signs off 会签,
and it is concluded only when all have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workorders.life import Case, NotPossible, must_say
from workorders.order import station_in_charge


def convene(case: Case, stations: Sequence[str], question: str) -> None:
    """Ask these stations for their word; the one in charge takes part anyway.

    :param question: personal.
    """
    must_say("the question", question)
    case.must_allow("assessment_convened")
    lead = station_in_charge(case.row)
    asked = list(dict.fromkeys([*([lead] if lead else []), *stations]))
    if len(asked) < 2:
        raise NotPossible("joint assessment: name another station")
    every = case.items("assessments")
    every.append({"no": len(every) + 1, "stations": asked, "signed": {}, "concluded": None})
    assisting = list(dict.fromkeys([*(case.row["stations_assisting"] or ()), *asked]))
    for station in asked:
        case.start("sign_off", station)
    case.record(
        "assessment_convened",
        {"stations": asked},
        notes={"question": question},
        assessments=every,
        stations_assisting=[each for each in assisting if each != lead],
    )


def sign_off(case: Case, station: str, opinion: str) -> None:
    """A station's word, once each; the actor signs for it.

    :param opinion: personal.
    """
    case.must_allow("assessment_signed")
    must_say("the opinion", opinion)
    every = case.items("assessments")
    signed: dict[str, Any] = dict(every[-1]["signed"])
    if station not in every[-1]["stations"]:
        raise NotPossible(f"joint assessment: station {station} does not take part")
    if station in signed:
        raise NotPossible(f"joint assessment: station {station} has signed")
    every[-1]["signed"] = {**signed, station: {"by": case.actor, "at": case.at}}
    case.end("sign_off", station)
    case.record(
        "assessment_signed", {"station": station}, notes={"opinion": opinion}, assessments=every
    )


def conclude(case: Case, conclusion: str) -> None:
    """What is to be done; only once every station has signed off.

    :param conclusion: personal.
    """
    case.must_allow("assessment_concluded")
    must_say("the conclusion", conclusion)
    every = case.items("assessments")
    unsigned = [each for each in every[-1]["stations"] if each not in every[-1]["signed"]]
    if unsigned:
        raise NotPossible(f"joint assessment: not signed off by {' '.join(unsigned)}")
    every[-1]["concluded"] = case.at
    case.record("assessment_concluded", notes={"conclusion": conclusion}, assessments=every)
