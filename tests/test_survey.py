"""After a counselor has hung up, the caller may be asked how the service was: whom, and what an
answer brings about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callflows.events import CallerHungUp, DialEnded, DialResult, DigitsCollected, NoInput
from callflows.verbs import Gather, Hangup
from ivr.pending import Pending
from tests.order_life import FORM, MONDAY, Desk
from tests.test_controller import House, at, offer, on
from workorders import risk, survey
from workorders.closing import close
from workorders.decisions import answer_directly, class_non_consultation
from workorders.drafts import save_draft
from workorders.follow_ups import follow_up
from workorders.life import Case, NotPossible
from workorders.reports import suspect_harm

TALK_ENDED = at(68)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.assembly.store.close()


def talks(house: House, key: str = "1") -> Pending:
    """A caller talks with a counselor, for a minute as soon as it is over."""
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), key))
    house.engine.counselor_answered("a", "8002", at(8))
    return ringing


def talk_over(house: House, ringing: Pending) -> Pending:
    return on(house.engine, ringing, DialEnded(TALK_ENDED, DialResult.ANSWERED, "gz-chen", 60))


def kinds(order: Any) -> list[str]:
    return [event["kind"] for event in order["events"]]


def asked(pending: Pending) -> bool:
    last = pending.verbs[-1]
    return isinstance(last, Gather) and last.says[-1].prompt == "survey"


@pytest.mark.parametrize(("key", "satisfaction"), [("1", 1), ("2", 2), ("3", 3)])
def test_a_caller_says_how_it_was_and_is_thanked(house: House, key: str, satisfaction: int) -> None:
    question = talk_over(house, talks(house))
    assert asked(question)
    assert house.state("gz-chen") == "wrap_up"
    thanked = on(house.engine, question, DigitsCollected(at(75), key))
    assert [say.prompt for say in thanked.verbs[-1].says] == ["thanks"]  # type: ignore[union-attr]
    over = on(house.engine, thanked, NoInput(at(77)))
    assert over.verbs == (Hangup(),)
    order = house.order(over.order_no)
    assert order["satisfaction"] == satisfaction
    assert kinds(order)[-1] == "ended"
    assert "survey_answered" in kinds(order)


@pytest.mark.parametrize(
    "event", [NoInput(at(80)), DigitsCollected(at(75), "7"), CallerHungUp(at(75))],
    ids=["no key", "wrong key", "hang-up"],
)  # fmt: skip
def test_no_answer_ends_the_call_without_another_word(
    house: House, event: NoInput | DigitsCollected | CallerHungUp
) -> None:
    question = talk_over(house, talks(house))
    if isinstance(event, CallerHungUp):
        house.engine.hung_up("a", event.at)
    else:
        assert on(house.engine, question, event).verbs == (Hangup(),)
    order = house.order(question.order_no)
    assert order["satisfaction"] is None
    assert "survey_asked" in kinds(order)
    assert "survey_answered" not in kinds(order)


@pytest.mark.parametrize("event", ["answer", "no answer", "hang-up"])
def test_the_order_tells_of_the_talk_as_if_nobody_had_been_asked(house: House, event: str) -> None:
    question = talk_over(house, talks(house))
    if event == "hang-up":
        house.engine.hung_up("a", at(75))
    else:
        key = "1" if event == "answer" else "9"
        pending = on(house.engine, question, DigitsCollected(at(75), key))
        if event == "answer":
            on(house.engine, pending, NoInput(at(77)))
    order = house.order(question.order_no)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    talked = datetime.fromisoformat(order["t_end"]) - datetime.fromisoformat(order["t_answer"])
    assert talked == timedelta(seconds=60)


def test_a_caller_who_is_gone_is_not_asked(house: House) -> None:
    ringing = talks(house)
    house.engine.hung_up("a", TALK_ENDED, DialResult.ANSWERED, ringing.verbs_turn, 60)
    order = house.order(ringing.order_no)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    assert "survey_asked" not in kinds(order)


def test_star_in_the_survey_reaches_a_human_again(house: House) -> None:
    question = talk_over(house, talks(house))
    crisis = on(house.engine, question, DigitsCollected(at(75), "*"))
    assert crisis.crisis
    assert not isinstance(crisis.verbs[-1], Hangup)


@pytest.mark.parametrize("key", ["*", "5"])
def test_nobody_in_danger_is_asked(house: House, key: str) -> None:
    assert not asked(talk_over(house, talks(house, key)))


def test_what_the_counselor_says_in_the_talk_counts(house: House) -> None:
    ringing = talks(house)
    log = house.assembly.log
    house.assembly.store.write(
        lambda c: risk.assess(Case(c, log, ringing.order_no, at(40), "counselor:gz-chen"), "R2")
    )
    assert talk_over(house, ringing).verbs == (Hangup(),)


def test_a_talk_that_was_cut_off_is_not_asked_about(house: House) -> None:
    ringing = talks(house)
    over = on(house.engine, ringing, DialEnded(at(12), DialResult.ANSWERED, "gz-chen", 4))
    assert over.verbs == (Hangup(),)


# What an order says.


@pytest.fixture
def desk(store: Any, log: Any) -> Desk:
    return Desk(store, log)


def may_be_asked(desk: Desk) -> bool:
    return desk.store.read(lambda c: survey.may_be_asked(c, desk.log, desk.order_no))


def answers(desk: Desk, satisfaction: int) -> None:
    at = MONDAY + timedelta(minutes=10)
    desk.store.write(lambda c: survey.answered(c, desk.log, desk.order_no, satisfaction, at))


def types(desk: Desk, **form: Any) -> None:
    desk.store.write(
        lambda c: save_draft(c, desk.log, desk.order_no, "counselor:1", MONDAY, form, 0)
    )


def test_an_order_of_which_nothing_is_known_yet_may_be_asked_about(desk: Desk) -> None:
    assert may_be_asked(desk)


SAID: dict[str, tuple[Callable[[Desk], object], bool]] = {
    "R4": (lambda desk: desk.does(risk.assess, "R4", "evidence"), False),
    "R2": (lambda desk: desk.does(risk.assess, "R2"), False),
    "RX": (lambda desk: desk.does(risk.assess, "RX"), False),
    "R1": (lambda desk: desk.does(risk.assess, "R1"), True),
    "family violence": (lambda desk: desk.fills_in(cause_main="L1.3"), False),
    "among other causes": (lambda desk: desk.fills_in(cause_main="P4", causes=["L3"]), False),
    "typed, not saved": (lambda desk: types(desk, cause_main="L3.1"), False),
    "exams": (lambda desk: desk.fills_in(cause_main="P3", causes=["P4"]), True),
    "the right to school": (lambda desk: desk.fills_in(cause_main="L2.4"), True),
    "guardian suspected": (lambda desk: desk.fills_in(guardian_suspected="是"), False),
    "harm suspected": (lambda desk: desk.does(suspect_harm, "grounds"), False),
    "no consultation": (lambda desk: desk.does(class_non_consultation, "N3"), False),
    "answered": (lambda desk: desk.does(answer_directly), True),
}


@pytest.mark.parametrize("name", SAID)
def test_what_an_order_says_decides(desk: Desk, name: str) -> None:
    said, may = SAID[name]
    said(desk)
    assert may_be_asked(desk) is may


def test_a_caller_who_is_not_satisfied_is_a_supervisors_task(desk: Desk) -> None:
    answers(desk, 3)
    view = desk.view
    assert view["satisfaction"] == 3
    assert "revisit" in desk.waits_for()
    # What becomes of the order is still to be said.
    assert "decision" in {each["clock"] for each in view["deadlines"]}
    with pytest.raises(NotPossible, match="another person's"):
        desk.does(follow_up, 1, "本人", "已联系")
    with pytest.raises(NotPossible, match="no safe contact is known, so nobody is called"):
        desk.does(follow_up, 1, "本人", "已联系", by="counselor:2")
    desk.fills_in(safe_contact="13570001234 放学后")
    desk.does(follow_up, 1, "本人", "已联系", by="counselor:2")
    assert "revisit" not in desk.waits_for()


def test_whom_it_pleased_nobody_calls(desk: Desk) -> None:
    answers(desk, 2)
    assert desk.waits_for() == {}


def test_an_order_that_was_closed_meanwhile_is_taken_up_again(desk: Desk) -> None:
    desk.fills_in(**FORM)
    desk.does(risk.assess, "R1")
    desk.does(answer_directly)
    desk.does(close)
    answers(desk, 3)
    assert desk.view["state"] == "handling"
    assert "revisit" in desk.waits_for()


def test_satisfaction_is_written_by_no_form(desk: Desk) -> None:
    with pytest.raises(ValueError, match="the caller's own word"):
        desk.fills_in(satisfaction=1)
