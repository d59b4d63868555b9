"""Calls that the line places on real Asterisk: what comes of each, and that none rings twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from ivr import placed_calls
from ivr.asterisk.ami import Ami
from ivr.asterisk.deployment import ami_secret
from ivr.placed_calls import PlacedCall
from ivr.placing_command_line import test_call as command
from tests.e2e.line import Deployment
from tests.e2e.scenarios import Behaviour

pytestmark = pytest.mark.e2e

ONE = ((4.0, "1"),)
"""While the words are said."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("l"))
    deployment.start()
    yield deployment
    deployment.stop()


def tried(line: Deployment, who: str) -> tuple[str, int]:
    """What the command says at the end, and its exit code."""
    answer = CliRunner().invoke(command, [who], obj=line.rooms)
    return answer.output.splitlines()[-1], answer.exit_code


def live(line: Deployment) -> list[PlacedCall]:
    return line.store(lambda c: placed_calls.live(c, line.settings.asterisk_name))


@pytest.mark.parametrize(
    ("behaviour", "code", "said"),
    [
        (Behaviour(answers_after=0.5, keys=ONE), 0, "accepted"),
        (Behaviour(keys=((4.0, "2"),)), 1, "answered, but nobody pressed 1"),
        (Behaviour(talks=1.0), 1, "answered, but nobody pressed 1"),
        (Behaviour(refuses=486), 1, "not answered: busy or declined"),
        (Behaviour(refuses=603), 1, "not answered: busy or declined"),
    ],
)
def test_what_comes_of_a_test_call_is_told(
    line: Deployment, behaviour: Behaviour, code: int, said: str
) -> None:
    with line.phones.counselor("sip-8002", line.secret("8002"), behaviour) as phone:
        answer = tried(line, "gz-chen")
    assert answer == (said, code)
    assert phone.count("rings") == 1
    assert live(line) == []
    assert line.orders() == 0


def test_who_has_no_telephone_on_is_told_at_once(line: Deployment) -> None:
    answer = tried(line, "gz-huang")
    said = "couldn't be placed: nothing can be reached there"
    assert answer == (said, 1)


def test_who_is_unknown_is_told(line: Deployment) -> None:
    assert tried(line, "gz-nobody") == ("Error: no counselor gz-nobody", 1)


def test_an_engine_that_dies_while_it_rings_costs_nothing(line: Deployment) -> None:
    # Pressed again and again: the words come when the engine is back.
    again = tuple((float(second), "1") for second in range(2, 40, 2))
    behaviour = Behaviour(answers_after=8.0, keys=again)
    with line.phones.counselor("sip-8002", line.secret("8002"), behaviour) as phone:
        answers: list[tuple[str, int]] = []
        asking = threading.Thread(target=lambda: answers.append(tried(line, "gz-chen")))
        asking.start()
        phone.wait_for("rings")
        line.kill("engine")
        asking.join()
    assert answers == [("accepted", 0)]
    assert phone.count("rings") == 1


def test_a_calls_name_is_its_only_one_and_ends_it(
    line: Deployment,
) -> None:
    settings = line.settings
    ami = Ami(settings.ami_address, settings.ami_user, ami_secret(settings))
    booted, failed = threading.Event(), threading.Event()
    ami.on_event("FullyBooted", lambda headers: booted.set())
    ami.on_event("OriginateResponse", lambda headers: failed.set())
    ami.start()
    assert booted.wait(10)
    behaviour = Behaviour(answers_after=None)
    with line.phones.counselor("sip-8002", line.secret("8002"), behaviour) as phone:
        for _ in range(2):
            ami.originate(
                "test:same:1", "Local/s@place/n", "placed", 60,
                PLACED="test:same:1", RINGS=60, PHONES="PJSIP/sip-8002",
            )  # fmt: skip
        assert failed.wait(10)
        ami.hang_up("test:same:1")
        phone.wait_for("cancelled")
        assert phone.count("rings") == 1
    ami.stop()
