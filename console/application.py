"""The console as one Flask application: what holds for every page.

Deny by default: a page says whom it is for (`visitor.needs`), or is one of OPEN; any other is
refused to everybody.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog
from flask import Flask, Response, abort, g, redirect, render_template, request, session, url_for
from flask_babel import Babel
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from config.database import StoreUnavailable
from console import sessions, words
from console.api import blueprint as api
from console.api.problems import Refused
from console.pages import (
    account,
    alarms,
    call,
    cases,
    desk,
    figures,
    knowledge,
    login,
    order_acts,
    order_form,
    orders,
    presence,
    recordings,
    safety,
    tasks,
    with_others,
)
from console.roles import Orders
from console.visitor import BY_ITSELF, NEEDS, by_htmx, logged_in, needs
from console.watch import Watch
from ivr.assembly import Assembly

log = structlog.get_logger()

LARGEST_BODY = 256_000
OPEN = frozenset({"static", "login.show", "login.log_in", api.DESCRIPTION}) | call.OPEN

Answer = AnyResponse | str | tuple[str, int]

POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
        "connect-src 'self'{}", "media-src 'self'", "form-action 'self'", "base-uri 'none'",
        "frame-ancestors ",
    )
)  # fmt: skip
"""What holds of every page but where else it may connect to (the desk of whom Twilio rings), and
who may show it within theirs: nobody, but for the callers'."""
HEADERS = {
    "Content-Security-Policy": POLICY.format("") + "'none'",
    "X-Content-Type-Options": "nosniff",
    # The guard against forged requests reads where ours come from; nobody else is told.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}


def application(assembly: Assembly, watch: Watch, now: Callable[[], datetime]) -> Flask:
    """:param watch: of who is there, already running."""
    app = Flask("console", root_path=str(Path(__file__).parent))
    app.config.update(
        SECRET_KEY=hmac.digest(assembly.log.keys.number, b"console cookies", "sha256"),
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SESSION_COOKIE_NAME="__Host-console",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # As long as the session: a form that took an afternoon is still sent.
        WTF_CSRF_TIME_LIMIT=None,
        BABEL_DEFAULT_LOCALE="zh",
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
        BABEL_TRANSLATION_DIRECTORIES=str(Path(__file__).parent / "translations"),
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=lambda: "en" if _language() == "en" else "zh")
    _know_the_visitor(app, assembly, now)
    csrf = CSRFProtect(app)
    _answer_mistakes(app)
    for page in (
        login.pages(assembly, now),
        orders.pages(assembly, now),
        order_form.pages(assembly, now),
        order_acts.pages(assembly, now),
        tasks.pages(assembly, now),
        knowledge.pages(assembly),
        figures.pages(assembly, now),
        presence.pages(assembly, watch, now),
        safety.pages(assembly, now),
        recordings.pages(assembly, now),
        with_others.pages(assembly, now),
        alarms.pages(assembly, now),
        cases.pages(assembly, now),
        account.pages(assembly, now),
        desk.pages(assembly, watch, now),
    ):
        app.register_blueprint(page)
    callers = call.pages(assembly, now)
    app.register_blueprint(callers)
    # Within another's page a browser keeps no cookie of ours; it says whose page asks.
    csrf.exempt(callers)
    shown_by = " ".join(("'self'", *assembly.settings.caller_page_shown_by))
    programs = api.blueprint(assembly, now)
    # Nobody's browser asks there by itself: no cookie counts.
    csrf.exempt(programs)
    app.register_blueprint(programs)

    @app.get("/")
    @needs(logged_in)
    def home() -> AnyResponse:
        may = g.account.may
        orders_or_figures = "orders.listed" if may.orders is not Orders.NONE else "figures.show"
        return redirect(url_for("desk.show" if may.desk else orders_or_figures))

    @app.after_request
    def say_what_holds(response: Response) -> Response:
        response.headers.update(HEADERS)
        if request.blueprint == callers.name:
            response.headers["Content-Security-Policy"] = POLICY.format("") + shown_by
        elif connects_to := g.get("connects_to"):
            policy = POLICY.format(f" {connects_to}") + "'none'"
            response.headers["Content-Security-Policy"] = policy
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.context_processor
    def known_to_all() -> dict[str, object]:
        who = g.get("account")
        return {"account": who, "may": who and who.may, "language": _language(), "words": words}

    return app


def _language() -> str:
    """Of who is logged in, else the browser's."""
    who = g.get("account")
    if who is not None:
        return str(who.language)
    return "en" if request.accept_languages.best_match(["zh", "en"]) == "en" else "zh-CN"


def _know_the_visitor(app: Flask, assembly: Assembly, now: Callable[[], datetime]) -> None:
    store = assembly.store

    @app.before_request
    def known_and_allowed() -> Answer | None:
        if request.endpoint is None or api.asked_for():
            return None
        token, at = str(session.get("token", "")), now()
        found = store.read(lambda c: sessions.find(c, token, at)) if token else None
        if found is not None:
            g.account, g.token = found.account, token
            asked_by_itself = hasattr(app.view_functions[request.endpoint], BY_ITSELF)
            if found.to_be_noted(at) and not asked_by_itself:
                store.write(lambda c: sessions.seen(c, token, at))
        if request.endpoint in OPEN:
            return None
        if found is None:
            return _log_in_first(expired=bool(token))
        need = getattr(app.view_functions[request.endpoint], NEEDS, None)
        if need is None or not need(g.account.may):
            abort(403)
        return None


def _log_in_first(expired: bool) -> Answer:
    """A page is asked for again after the log-in; a form's contents would be lost with it."""
    if request.method == "GET" and not by_htmx():
        asked = request.full_path if request.query_string else request.path
        came = asked if asked != "/" else None
        return redirect(url_for("login.show", next=came, expired="1" if expired else None))
    return render_template("expired.html", part=by_htmx()), 401


def _answer_mistakes(app: Flask) -> None:
    @app.errorhandler(CSRFError)
    def form_is_old(_error: CSRFError) -> Answer:
        return render_template("error.html", what="form", part=by_htmx()), 400

    @app.errorhandler(Refused)
    def not_for_programs(error: Refused) -> Answer:
        return error.answer

    @app.errorhandler(StoreUnavailable)
    def unavailable(error: StoreUnavailable) -> Answer:
        if api.asked_for():
            return api.refused(error)
        log.error("console_without_store", reason=str(error))
        return render_template("error.html", what="store", part=by_htmx()), 503

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Answer:
        if api.asked_for():
            return api.refused(error)
        what = {403: "forbidden", 404: "missing"}.get(error.code or 500, "failed")
        return render_template("error.html", what=what, part=by_htmx()), error.code or 500

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Answer:
        if api.asked_for():
            return api.refused(error)
        log.exception("console_page_failed", endpoint=request.endpoint)
        return render_template("error.html", what="failed", part=by_htmx()), 500
