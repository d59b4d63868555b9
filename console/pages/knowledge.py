"""Scripts and knowledge: all cards with a search, and those for one form."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask_babel import get_locale

from console.knowledge import Card, Cards, read_cards
from console.visitor import needs
from ivr.assembly import Assembly

BESIDE = 4
"""Cards beside a form: more are not read while somebody talks."""
LONGEST_SEARCH = 100


def pages(assembly: Assembly) -> Blueprint:
    page = Blueprint("knowledge", __name__, url_prefix="/knowledge")
    fields, folder = assembly.log.fields, assembly.settings.knowledge_directory

    @page.get("/")
    @needs(lambda may: may.work)
    def show() -> str:
        asked = request.args.get("q", "")[:LONGEST_SEARCH]
        every = _cards()
        found = [card for card in every.cards if card.says(asked.split())]
        return render_template(
            "knowledge.html", cards=found, problems=every.problems, asked=asked, fields=fields
        )

    @page.get("/cards")
    @needs(lambda may: may.work)
    def cards() -> str:
        """For one cause and risk, the most particular first."""
        cause, risk = request.args.get("cause_main", ""), request.args.get("risk", "")
        found = [card for card in _cards().cards if card.about(cause, risk)]
        found.sort(key=_how_general)
        return render_template("cards.html", cards=found[:BESIDE])

    def _how_general(card: Card) -> tuple[bool, bool]:
        foreign = card.head.language.partition("-")[0] != str(get_locale()).partition("_")[0]
        return foreign, not (card.head.causes or card.head.risk)

    def _cards() -> Cards:
        return read_cards(folder)

    return page
