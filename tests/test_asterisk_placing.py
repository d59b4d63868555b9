"""Calls placed by Asterisk, over AMI: what no real one does when it is wanted. Its channels and
answers are a test's; see `tests/e2e/test_test_calls.py` for the real one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asterisk.manager import ManagerException, ManagerSocketException

from agents import roster
from agents.roster import Contact, Counselor
from config.database import Store
from config.settings import Settings
from ivr import placed_calls
from ivr.asterisk.ami import NotPlaced
from ivr.asterisk.placing import THERE_WITHIN, AsteriskPlacing
from ivr.attempts import ASKED_WITHIN, Attempts
from ivr.placed_calls import PlacedCall
from ivr.placing import CannotRing, Placing, Wanted
from workorders.keys import Keys

ID = "test:gz-chen-1:1"
MOBILE = Contact("outside", "+8613800138000")
DESK = (Contact("browser", "8002"), Contact("sip", "8002"))


class Manager:
    """`there`: the ids of live calls; None: Asterisk can't be asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.hung_up: list[str] = []
        self.there: set[str] | None = set()
        self.fails: ManagerException | None = None

    def originate(self, unique_id: str, *_how: object, **variables: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.asked.append((unique_id, variables["PHONES"]))

    def hang_up(self, unique_id: str) -> None:
        self.hung_up.append(unique_id)

    def channels(self) -> set[str]:
        if self.there is None:
            raise ManagerSocketException(0, "not connected")
        return self.there


class Scene:
    """Chen's telephones, and one Asterisk."""

    def __init__(self, store: Store, settings: Settings, keys: Keys) -> None:
        self.store = store
        self.at = datetime(2026, 6, 7, 4, 0, tzinfo=UTC)
        self.ami = Manager()
        attempts = Attempts(store, lambda: self.at)
        self.asterisk = AsteriskPlacing(
            store, keys, attempts, self.ami, settings, lambda: self.at  # type: ignore[arg-type]
        )  # fmt: skip

    def chen_has(self, *contacts: Contact) -> None:
        chen = Counselor("gz-chen", "陈", "8002", "440100", contacts=contacts)
        self.store.write(lambda c: roster.add(c, chen, self.at))

    def place(self) -> None:
        Placing(self.store, [self.asterisk]).place(Wanted(ID, "gz-chen"))

    def after(self, passed: timedelta) -> None:
        self.at += passed
        self.asterisk.reconcile()

    @property
    def attempts(self) -> list[PlacedCall]:
        table = placed_calls.placed_calls
        rows = self.store.read(lambda c: c.execute(table.select().order_by(table.c.id)).all())
        return [PlacedCall(*row) for row in rows]

    @property
    def results(self) -> list[str | None]:
        return [call.result for call in self.attempts]


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Iterator[Scene]:
    settings = Settings(data_directory=tmp_path, outbound_trunk="guangzhou")
    scene = Scene(store, settings, Keys.load(settings.keys_directory))
    scene.chen_has(*DESK)
    yield scene
    numbers = f"{[call.reason for call in scene.attempts]}"
    assert "13800138000" not in numbers


@pytest.mark.parametrize(
    ("contacts", "rung"),
    [
        (DESK, "PJSIP/browser-8002&PJSIP/sip-8002"),
        ((MOBILE, *DESK), "PJSIP/browser-8002&PJSIP/sip-8002"),
        ((MOBILE,), "PJSIP/+8613800138000@guangzhou"),
        ((Contact("outside", "+8613800138000", "wuhan"),), "PJSIP/+8613800138000@wuhan"),
    ],
)
def test_a_desk_rings_with_all_its_telephones_else_one_outside(
    scene: Scene, contacts: tuple[Contact, ...], rung: str
) -> None:
    scene.chen_has(*contacts)
    scene.place()
    assert scene.ami.asked == [(ID, rung)]
    assert scene.attempts[0].channel == ID


def test_what_asterisk_does_not_reach_is_left_to_others(scene: Scene) -> None:
    scene.chen_has(Contact("twilio_client", "chen"), Contact("sip", "8002", asterisk="another"))
    with pytest.raises(CannotRing, match="gz-chen has no telephone that this line reaches"):
        scene.place()


@pytest.mark.parametrize(
    ("headers", "result"),
    [
        ({"Response": "Success", "Reason": "4"}, None),
        ({"Response": "Failure", "Reason": "3"}, "no_answer"),
        ({"Response": "Failure", "Reason": "0"}, "unreachable"),
    ],
)
def test_asterisks_response_tells_what_came_of_it(
    scene: Scene, headers: dict[str, str], result: str | None
) -> None:
    scene.place()
    scene.asterisk.responded({"ActionID": ID, **headers})
    scene.asterisk.responded({"ActionID": "of-somebody-else", **headers})
    assert scene.results == [result]


def test_what_asterisk_refuses_never_rang(scene: Scene) -> None:
    scene.ami.fails = NotPlaced("Asterisk can't be reached: is it running?")
    scene.place()
    assert scene.results == ["not_placed"]
    assert scene.attempts[0].reason == "Asterisk can't be reached: is it running?"


def test_an_answer_that_got_lost_is_looked_for_before_anything_rings_again(scene: Scene) -> None:
    scene.ami.fails = ManagerSocketException(0, "no response")
    scene.place()
    scene.ami.fails = None
    scene.after(THERE_WITHIN)
    assert scene.ami.asked == []
    scene.ami.there = None
    scene.after(THERE_WITHIN)
    assert scene.ami.asked == []
    scene.ami.there = {ID}
    scene.after(THERE_WITHIN)
    assert (scene.attempts[0].channel, scene.ami.asked) == (ID, [])


def test_what_asterisk_never_had_is_tried_once_more(scene: Scene) -> None:
    scene.ami.fails = ManagerSocketException(0, "no response")
    scene.place()
    scene.ami.fails = None
    scene.after(THERE_WITHIN + timedelta(seconds=1))
    assert [call for call, _ in scene.ami.asked] == ["test:gz-chen-1:2"]
    assert scene.results == ["not_placed", None]


def test_who_got_another_telephone_meanwhile_is_not_rung(scene: Scene) -> None:
    scene.ami.fails = ManagerSocketException(0, "no response")
    scene.place()
    scene.ami.fails = None
    scene.chen_has(MOBILE)
    scene.after(THERE_WITHIN + timedelta(seconds=1))
    assert (scene.ami.asked, scene.results) == ([], ["not_placed"])


def test_a_process_that_slept_before_its_request_makes_none(scene: Scene) -> None:
    moments = iter([scene.at, scene.at + ASKED_WITHIN + timedelta(seconds=1)])
    scene.asterisk._attempts._now = lambda: next(moments)
    scene.place()
    assert (scene.ami.asked, scene.results) == ([], [None])


def test_a_call_that_is_given_up_before_the_request_is_not_asked_for(scene: Scene) -> None:
    given_up = Wanted(ID, "gz-chen", also=lambda c: placed_calls.give_up(c, ID))
    Placing(scene.store, [scene.asterisk]).place(given_up)
    scene.after(THERE_WITHIN + timedelta(seconds=1))
    assert (scene.ami.asked, scene.results) == ([], ["given_up"])


def test_a_call_that_is_gone_is_over_at_the_second_look(scene: Scene) -> None:
    scene.place()
    scene.after(timedelta(seconds=1))
    scene.after(THERE_WITHIN)
    assert scene.results == [None]
    scene.after(THERE_WITHIN)
    assert scene.results == ["no_answer"]


def test_a_call_is_ended_by_its_attempts_name(scene: Scene) -> None:
    scene.place()
    scene.asterisk.hang_up(scene.attempts[0])
    assert scene.ami.hung_up == [ID]
