"""Scripts and knowledge: found, shown beside a form, and never a way in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.settings import CONFIG
from console.command_line import knowledge
from console.knowledge import read_cards
from console.roles import Role
from tests.console_world import GUANGZHOU, World, account_of

LIN = account_of(Role.COUNSELOR, GUANGZHOU)
HEAD = '---\ntitle: 卡片\nversion: "1"\nlanguage: zh-CN\n'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def problem_of(folder: Path, text: str) -> str:
    (folder / "card.md").write_text(text, "utf-8")
    found = read_cards(folder)
    assert found.cards == ()
    return found.problems[0]


def test_what_is_shipped_is_right_and_short() -> None:
    found = read_cards(CONFIG / "knowledge")
    assert found.problems == ()
    assert len(found.cards) >= 7
    assert max(len(card.text) for card in found.cards) < 500


def test_cards_are_searched_by_words_cause_and_risk(world: World) -> None:
    browser = world.browser(LIN)
    for asked, title in (("欺凌 监护人", "校园欺凌"), ("r4", "有自杀想法"), ("法援", "法律援助")):
        assert title in browser.get(f"/knowledge/?q={asked}").text
    assert "没有找到" in browser.get("/knowledge/?q=没有这样的话").text


def test_beside_a_form_stand_the_cards_of_its_cause_and_risk(world: World) -> None:
    browser = world.browser(LIN)
    suicide = browser.get("/knowledge/cards?cause_main=P2&risk=R4").text
    assert suicide.index("有自杀想法") < suicide.index("开场与结束"), "the particular first"
    assert "校园欺凌" not in suicide
    assert "校园欺凌" in browser.get("/knowledge/cards?cause_main=L2.1&risk=").text
    assert "遭受性侵" not in browser.get("/knowledge/cards").text


def test_a_card_is_text_and_nothing_else(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://e.example/y.png)"
    (tmp_path / "card.md").write_text(f"{HEAD}---\n**先听** {evil}", "utf-8")
    html = read_cards(tmp_path).cards[0].html
    assert "<strong>先听</strong>" in html
    assert not any(bad in html for bad in ("<script", 'href="javascript', "<img"))


def test_a_wrong_file_is_one_line_and_costs_only_itself(tmp_path: Path) -> None:
    for text, problem in (
        ("没有头", "card.md:1: begin with title"),
        (f"{HEAD}causes: [X9]\n---\n文", "card.md:5: causes: there is no X9"),
        (f"{HEAD}risk: [R9]\n---\n文", "card.md:5: risk: there is no R9"),
        (f"{HEAD}cause: [P1]\n---\n文", "card.md:5: cause: unknown key (did you mean causes?)"),
        ("---\ntitle: 卡片\n---\n文", "card.md:2: version: missing"),
        (f"{HEAD}risk: [\n---\n文", "card.md:"),
        (f"{HEAD}---\n \n", "there is no text"),
        ("文" * 10_000, "larger than"),
    ):
        assert problem in problem_of(tmp_path, text)
    (tmp_path / "good.md").write_text(f"{HEAD}---\n先听", "utf-8")
    found = read_cards(tmp_path)
    assert [card.name for card in found.cards] == ["good"]
    assert len(found.problems) == 1
    assert read_cards(tmp_path / "nowhere").cards == ()


def test_a_file_that_is_changed_is_read_again(tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text(f"{HEAD}---\n先听", "utf-8")
    assert "先听" in read_cards(tmp_path).cards[0].text
    card.write_text(f"{HEAD}---\n先听，再问", "utf-8")
    assert "先听，再问" in read_cards(tmp_path).cards[0].text


def test_the_command_tells_what_is_wrong(tmp_path: Path, world: World) -> None:
    def check(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(knowledge, ["check", *arguments], obj=world.assembly)
        return done.exit_code, done.output

    assert check()[0] == 0
    (tmp_path / "card.md").write_text("没有头", "utf-8")
    code, told = check(str(tmp_path))
    assert code == 1
    assert told.startswith("card.md:1: begin with title")
