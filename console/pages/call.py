"""联系12355: the page for callers. For everybody, without a log-in, also within pages of others
that the settings name. A message, a request to be called back, and a call from the browser.

What can't be done is always said, with the telephone number beside it: nobody who asks for help
meets silence. Nothing that is typed here is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from sqlalchemy import Connection

from config.database import StoreUnavailable
from console.ice_servers import ice_servers
from console.page_limits import allowed, where
from console.visitor import address, by_htmx
from console.websockets import admitted
from ivr import page_visits
from ivr.assembly import Assembly
from ivr.asterisk.conf import CALLER_PAGE
from ivr.page_messages import Left, Wish, callable_number, leave
from ivr.page_visits import Limits
from workorders.personal import caller_hash
from workorders.safe_contact import SafeContact

log = structlog.get_logger()

LONGEST_TEXT = 2000
LONGEST_LINE = 60
LONGEST_NUMBER = 24
VISIT = "X-Visit"
OPEN = frozenset({
    "call.show", "call.message", "call.callback", "call.visit", "call.progress",
    "call.telephone",
})  # fmt: skip

Form = dict[str, str]


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("call", __name__, url_prefix="/call")
    store, settings, keys = assembly.store, assembly.settings, assembly.log.keys
    regions = assembly.stations.regions
    limits = Limits(at_once=settings.caller_page_calls)
    calls = settings.asterisk and limits.at_once > 0
    places = [
        (province.name, [r for r in regions if r.province == province.code])
        for province in regions
        if province.is_province
    ]

    @page.before_request
    def asked_by_this_page() -> None:
        """Nobody has any rights here that a forged request could use; but each place has its
        limits, and a page of somebody else's would use up those of its visitors."""
        if request.method == "POST" and not _ours():
            abort(403)

    @page.errorhandler(StoreUnavailable)
    def unavailable(error: StoreUnavailable) -> ResponseReturnValue:
        log.error("caller_page_without_store", reason=str(error))
        if request.endpoint in ("call.visit", "call.progress"):
            return jsonify(problem="failed"), 503
        wish = Wish.CALLBACK if request.endpoint == "call.callback" else Wish.MESSAGE
        return _answer(wish, "failed"), 503

    @page.get("/")
    def show() -> str:
        return _page()

    @page.post("/message")
    def message() -> ResponseReturnValue:
        form = _form()
        problem = None
        if not form["text"]:
            problem = "empty"
        number = callable_number(assembly, form["number"]) if form["number"] else None
        if form["number"] and number is None:
            problem = problem or "number"
        return _left(Wish.MESSAGE, form, number, problem)

    @page.post("/callback")
    def callback() -> ResponseReturnValue:
        form = _form()
        number = callable_number(assembly, form["number"])
        problem = "number" if number is None else None
        if request.form.get("agreed") != "yes":
            problem = problem or "agreed"
        return _left(Wish.CALLBACK, form, number, problem)

    @page.post("/visits")
    def visit() -> ResponseReturnValue:
        """What one call from this browser needs."""
        there, region, at = where(keys.number, address()), _region(), now()
        word = store.write(lambda c: page_visits.begin(c, *there, region, at, limits))
        if word is None:
            log.warning("caller_page_calls_limited")
            return jsonify(problem="limited"), 429
        ways = ice_servers(settings, CALLER_PAGE, at)
        return jsonify(visit=word, dials=settings.default_access_number, ways=ways)

    @page.get("/ws")
    def telephone() -> ResponseReturnValue:
        """May this visit's WebSocket go to Asterisk?"""
        word, at = request.args.get("visit", ""), now()
        if not _ours() or not store.write(lambda c: page_visits.opens(c, word, at)):
            abort(403)
        return admitted(f"visit:{word}")

    @page.get("/progress")
    def progress() -> ResponseReturnValue:
        """How far the call of this visit is."""
        word = request.headers.get(VISIT, "")
        found = store.read(lambda connection: page_visits.progress(connection, word))
        return jsonify(progress=found)

    def _left(
        wish: Wish, form: Form, number: str | None, problem: str | None
    ) -> ResponseReturnValue:
        if problem is None and any(len(said) > _longest(name) for name, said in form.items()):
            problem = "long"
        if problem is not None:
            return _answer(wish, problem), 400
        contact = SafeContact(
            hours=form["hours"], may_identify=request.form.get("may_identify") == "yes"
        )
        language = "en" if str(get_locale()) == "en" else "zh-CN"
        left = Left(wish, form["text"], number, contact, _region(), language)
        there, at = where(keys.number, address()), now()
        hashed = caller_hash(keys, number) if number else None

        def work(connection: Connection) -> bool:
            if not allowed(connection, wish, there, hashed, at):
                return False
            leave(connection, assembly, left, at)
            return True

        if not store.write(work):
            log.warning("caller_page_limited", wish=str(wish))
            return _answer(wish, "limited"), 429
        return _answer(wish, "done")

    def _region() -> str | None:
        """Only what is on the list."""
        found = regions.get(request.form.get("region", ""))
        return found.code if found else None

    def _answer(wish: Wish, said: str) -> str:
        if by_htmx():
            part = "call_callback.html" if wish is Wish.CALLBACK else "call_message.html"
            return render_template(part, said={wish: said}, form=_form(), **_shared())
        return _page({wish: said}, _form())

    def _page(said: dict[Wish, str] | None = None, form: Form | None = None) -> str:
        return render_template(
            "call.html", said=said or {}, form=form or {}, places=places,
            leave_to=settings.caller_page_leave_to, calls=calls, **_shared(),
        )  # fmt: skip

    def _shared() -> dict[str, object]:
        return {"Wish": Wish, "longest_text": LONGEST_TEXT, "longest_line": LONGEST_LINE}

    return page


def _ours() -> bool:
    """Does a page of this very origin ask?"""
    return request.headers.get("Origin") == request.host_url.rstrip("/")


def _form() -> Form:
    """What stands in it, without blanks around it and signs that no keyboard has."""
    found = {}
    for name in ("text", "number", "hours"):
        said = request.form.get(name, "").strip()
        found[name] = "".join(one for one in said if one in "\n\t" or one.isprintable())
    return found


def _longest(name: str) -> int:
    return {"text": LONGEST_TEXT, "number": LONGEST_NUMBER}.get(name, LONGEST_LINE)
