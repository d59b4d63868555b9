"""One's own account: language, password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from console import accounts, passwords, sessions, throttle
from console.accounts import LANGUAGES
from console.audit import Action, note
from console.visitor import address, logged_in, needs, token, visitor
from ivr.assembly import Assembly

Answer = Response | str | tuple[str, int]


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("account", __name__, url_prefix="/account")
    store, stations = assembly.store, assembly.stations

    @page.get("/")
    @needs(logged_in)
    def show() -> str:
        return _page(done=request.args.get("done"))

    @page.post("/language")
    @needs(logged_in)
    def choose_language() -> Response:
        language = request.form.get("language", "")
        if language in LANGUAGES:
            store.write(lambda c: accounts.change(c, visitor().id, language=language))
        return redirect(url_for("account.show", done="language"))

    @page.post("/password")
    @needs(logged_in)
    def change_password() -> Answer:
        who, at, here = visitor(), now(), address()
        new, again = request.form.get("new", ""), request.form.get("again", "")
        stored, stopped = store.read(
            lambda c: (accounts.password_of(c, who.id), throttle.too_many(c, who.id, here, at))
        )
        if stopped:
            return _page(problem="throttled"), 429
        if not passwords.fits(request.form.get("old", ""), stored):
            store.write(lambda c: note(c, Action.LOG_IN_FAILED, who.id, here, at))
            return _page(problem="wrong"), 400
        problem = passwords.problem(new, who.id) or ("differs" if new != again else None)
        if problem:
            return _page(problem=problem), 400
        kept = passwords.kept(new)

        def change(connection: Connection) -> None:
            accounts.change(connection, who.id, password=kept)
            sessions.end_all(connection, who.id, but=token())
            note(connection, Action.PASSWORD_CHANGED, who.id, here, at)

        store.write(change)
        return redirect(url_for("account.show", done="password"))

    def _page(problem: str | None = None, done: str | None = None) -> str:
        return render_template(
            "account.html",
            problem=problem,
            done=done,
            languages=LANGUAGES,
            station=stations.name(visitor().station),
            shortest=passwords.SHORTEST,
        )

    return page
