"""`run_ivr.py accounts`: who may log in, as an operator sets it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from console.command_line import accounts
from console.roles import Role
from tests.console_world import GUANGZHOU, World, account_of

Command = Callable[..., Result]
GOOD = "a very long password"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def command(world: World) -> Command:
    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(accounts, arguments, input=typed, obj=world.assembly)

    return run


def add(command: Command, name: str = "gz-lin", typed: str = GOOD, **options: str) -> Result:
    given = {"name": "林静", "role": "counselor", "station": GUANGZHOU, **options}
    return command(
        "add", name, *(part for key, value in given.items() for part in (f"--{key}", value)),
        typed=typed + "\n",
    )  # fmt: skip


def test_the_first_account_logs_in(world: World, command: Command) -> None:
    added = add(command)
    assert added.output == "gz-lin may log in\n"
    browser = world.browser()
    assert browser.log_in("gz-lin", GOOD).status_code == 302
    assert browser.log_in(" GZ-Lin ", GOOD).status_code == 302
    [line] = [line for line in command("list").output.splitlines() if "gz-lin" in line]
    assert "林静" in line
    assert GUANGZHOU in line


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"station": "440199"}, "there is no station 440199"),
        ({"role": "partner"}, "a partner's account has a unit"),
        ({"unit": "公安"}, "a partner's account has a unit, nobody else's has"),
        ({"role": "partner", "unit": "警局"}, "nothing is referred to '警局'"),
        ({"role": "boss"}, "'boss' is not one of"),
        ({"typed": "short"}, "needs 12 characters"),
        ({"typed": "gz-lin gz-lin"}, "must not hold the account's name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    command: Command, wrong: dict[str, str], said: str
) -> None:
    answer = add(command, **wrong)
    assert answer.exit_code != 0
    assert said in answer.output
    assert "gz-lin" not in command("list").output


def test_a_name_is_given_once(command: Command) -> None:
    add(command)
    assert "there is an account gz-lin already" in add(command).output
    assert "2 to 40 of" in add(command, "Lin Jing").output


def test_who_is_disabled_is_out_until_there_is_a_new_password(
    world: World, command: Command
) -> None:
    who = account_of(Role.COUNSELOR, GUANGZHOU)
    browser = world.browser(who)
    assert command("disable", who).output == f"{who} is disabled\n"
    assert browser.get("/orders/").status_code == 302
    assert world.browser().log_in(who).status_code == 401
    assert command("password", who, typed=GOOD + "\n").exit_code == 0
    assert world.browser().log_in(who, GOOD).status_code == 302
    for unknown in (("disable", "nobody"), ("password", "nobody")):
        assert "there is no account nobody" in command(*unknown, typed=GOOD + "\n").output


def test_no_option_takes_a_password() -> None:
    for name in ("add", "password"):
        options = {option for p in accounts.commands[name].params for option in p.opts}
        assert not {option for option in options if "password" in option}
