"""Log in, log out."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime

import structlog
from flask import Blueprint, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from console import accounts, passwords, sessions, throttle
from console.audit import Action, note
from console.visitor import address, logged_in, needs, token, visitor
from ivr.assembly import Assembly

log = structlog.get_logger()

LONGEST_ID = 100


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("login", __name__)
    store = assembly.store

    @page.get("/login")
    def show() -> str:
        return _form()

    @page.post("/login")
    def log_in() -> Response | tuple[str, int]:
        who = request.form.get("account", "").strip().lower()[:LONGEST_ID]
        password, at, here = request.form.get("password", ""), now(), address()

        def known(connection: Connection) -> tuple[str | None, str, bool]:
            stored = accounts.password_of(connection, who)
            name = who if stored is not None else _unknown(assembly.log.keys.number, who)
            return stored, name, throttle.too_many(connection, name, here, at)

        stored, name, stopped = store.read(known)
        if stopped:
            log.warning("console_log_in_throttled", address=here)
            return _form(problem="throttled", who=who), 429
        if not passwords.fits(password, stored):
            store.write(lambda c: note(c, Action.LOG_IN_FAILED, name, here, at))
            return _form(problem="wrong", who=who), 401

        def begin(connection: Connection) -> str:
            note(connection, Action.LOGGED_IN, who, here, at)
            return sessions.begin(connection, who, at)

        _belongs_to(who, store.write(begin))
        return redirect(_back(request.form.get("next", "")))

    @page.post("/logout")
    @needs(logged_in)
    def log_out() -> Response:
        def end(connection: Connection) -> None:
            note(connection, Action.LOGGED_OUT, visitor().id, address(), now())
            sessions.end(connection, token())

        store.write(end)
        session.clear()
        return redirect(url_for("login.show"))

    return page


def _form(problem: str | None = None, who: str = "") -> str:
    back = request.values.get("next", "")
    expired = problem is None and "expired" in request.args
    return render_template("login.html", problem=problem, who=who, next=back, expired=expired)


def _belongs_to(who: str, begun: str) -> None:
    """The browser's cookie from now on. Nothing of before is kept but what guards its forms, and
    that for the same person alone: a form left open when the session was over can still be sent."""
    kept = session.get("csrf_token") if session.get("account") == who else None
    session.clear()
    session.update(token=begun, account=who)
    if kept is not None:
        session["csrf_token"] = kept


def _back(path: str) -> str:
    """Where they wanted to be; never to another host."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if inside and path.isprintable() else "/"


def _unknown(key: bytes, typed: str) -> str:
    """Told apart from other names for counting, and readable by nobody: it may be a password."""
    return "?" + hmac.digest(key, b"console account\0" + typed.encode(), "sha256").hex()[:16]
