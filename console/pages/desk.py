"""工作台: the desk, where a counselor works the day."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import (
    Blueprint,
    Response,
    abort,
    g,
    jsonify,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, select

from agents import presence, roster
from agents.counselor import HELD, State
from agents.dialled_codes import CODES
from agents.roster import RosterError
from config.database import StoreUnavailable
from config.topics import load_topics
from console import audit, sessions
from console.at_desk import DeskCall, call_at, lost_in_talk
from console.audit import Action
from console.desks import Desks
from console.ice_servers import ice_servers
from console.pages.streaming import message, streaming
from console.streams import Messages
from console.timeline import words_of
from console.visible import in_charge
from console.visitor import address, asked_by_the_page, needs, token, visitor
from console.watch import Present, Watch
from console.websockets import admitted
from ivr.assembly import Assembly
from ivr.asterisk.browser_phones import browser_name, browser_password
from ivr.twilio import browser_talks
from ivr.twilio.access_tokens import KIND as TWILIO_CLIENT
from ivr.twilio.access_tokens import LIFE, AccessTokens, NoToken, identity_of
from workorders.order import orders

log = structlog.get_logger()

BEAT_SECONDS = 5.0
"""How soon a desk that is gone is known to be, for another page that wants to be it."""
WARNED_BEFORE = timedelta(minutes=10)
"""That a log-in ends."""
REASONS = tuple(code.reason for code in CODES.values() if code.does == "pause")
FORM, SAFETY, WITH_OTHERS = "/orders/{}/form", "/orders/{}/safety", "/desk/with-others/{}"
"""What a desk shows of its order, by its number: pages of their own."""

TWILIO_SIGNALLING = "wss://*.twilio.com"
"""Where Twilio's Voice SDK connects to: first `voice-js.roaming`, again by the name of the edge
that it met there. What it would tell Twilio of each call's quality is switched off, and its sounds
are ours."""

_PAGE = re.compile(r"[0-9a-f-]{36}\Z")


def pages(assembly: Assembly, watch: Watch, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("desk", __name__)
    store, stations, keys = assembly.store, assembly.stations, assembly.log.keys
    settings = assembly.settings
    topics = load_topics(settings.stations_directory)
    desks = Desks()

    @page.get("/desk/")
    @needs(lambda may: may.desk)
    def show() -> str:
        counselor = store.read(lambda c: roster.get(c, visitor().id))
        twilio = counselor is not None and _by_twilio(counselor)
        g.connects_to = TWILIO_SIGNALLING if twilio else ""
        return render_template(
            "desk.html",
            counselor=counselor,
            by_asterisk=counselor is not None and _by_asterisk(counselor),
            by_twilio=twilio,
            reasons=REASONS,
            shown=_shown(watch.now_of(visitor().id)) if counselor else {},
        )

    @page.post("/desk/presence")
    @needs(lambda may: may.desk)
    def change() -> tuple[str, int]:
        who, at = visitor().id, now()
        does, reason = request.form.get("does", ""), request.form.get("reason", "")

        def work(connection: Connection) -> None:
            if does == "log_in":
                presence.log_in(connection, who, at)
            elif does == "log_out":
                presence.log_out(connection, who, at)
            elif does == "pause" and reason in REASONS:
                presence.pause(connection, who, reason, at)
            else:
                abort(400)

        # Whoever waits for them is served by the engine's next look at who has changed.
        problem = None
        try:
            store.write(work)
        except RosterError:
            problem = "refused"
        shown = _shown(watch.now_of(who))
        return render_template("desk_now.html", **shown, problem=problem), 409 if problem else 200

    @page.post("/desk/here")
    @needs(lambda may: may.desk)
    def here() -> tuple[str, int]:
        """Somebody used the page: their session goes on, as by any page they ask for."""
        return "", 204

    @page.get("/desk/stream")
    @needs(lambda may: may.desk)
    @asked_by_the_page
    def stream() -> Response:
        who, mine = visitor().id, request.args.get("page", "")
        if not _PAGE.match(mine):
            abort(400)
        told = _at_desk(who, mine, take="take" in request.args)
        return streaming(watch.desks, told, BEAT_SECONDS)

    @page.get("/desk/telephone")
    @needs(lambda may: may.desk)
    @asked_by_the_page
    def log_in() -> Response:
        """What the telephone in the browser logs in with, and how sound finds its way."""
        counselor = store.read(lambda c: roster.get(c, visitor().id))
        if counselor is None or not _by_asterisk(counselor):
            abort(403)
        number = counselor.number
        return jsonify(
            name=browser_name(number),
            password=browser_password(settings, number),
            ice_servers=ice_servers(settings, visitor().id, now()),
        )

    @page.get("/desk/twilio")
    @needs(lambda may: may.desk)
    @asked_by_the_page
    def twilio_token() -> Response:
        """What Twilio rings this browser by, for so many seconds."""
        everybody = store.read(roster.everybody)
        try:
            identity = identity_of(everybody, visitor().id)
            token = AccessTokens.of(settings).token(identity, now())
        except NoToken as why:
            log.error("desk_without_twilio", reason=str(why))
            abort(403)
        return jsonify(token=token, seconds=int(LIFE.total_seconds()))

    @page.post("/desk/twilio")
    @needs(lambda may: may.desk)
    def twilio_talk() -> ResponseReturnValue:
        """The browser answers, or hangs up, what Twilio rang it for."""
        who, does = visitor().id, request.form.get("does", "")
        if does == "answers":
            store.write(lambda c: browser_talks.answers(c, who))
        elif does == "hangs_up":
            store.write(lambda c: browser_talks.hangs_up(c, who))
        else:
            abort(400)
        return "", 204

    @page.get("/ws")
    @needs(lambda may: may.desk)
    @asked_by_the_page
    def telephone() -> Response:
        """May this browser's WebSocket go to Asterisk?"""
        counselor = store.read(lambda c: roster.get(c, visitor().id))
        # A page of somebody else's would ask with our cookie.
        ours = request.headers.get("Origin") == request.host_url.rstrip("/")
        if not ours or counselor is None:
            abort(403)
        return admitted(f"desk:{visitor().id}")

    def _at_desk(who: str, mine: str, take: bool) -> Messages:
        desks.opened(who, mine, take)
        try:
            yield from _told(who, mine)
        finally:
            desks.closed(who, mine)

    def _told(who: str, mine: str) -> Messages:
        logged_in = token()
        at_desk: bool | None = None
        beat: bool | None = True
        ends_at: datetime | None = None
        ending = False
        shown: object = object()
        while True:
            person = watch.seen_of(who)
            if beat:
                ends_at = _ends_at(logged_in)
            if ends_at is None:
                yield message(render_template("expired.html", part=True), "expired")
                return
            if ending is not (ending := ends_at - now() < WARNED_BEFORE):
                text = render_template("ending.html", ends_at=ends_at) if ending else ""
                yield message(text, "ending")
            if at_desk is not (at_desk := desks.is_at(who, mine)):
                in_call = person is not None and person.state in HELD
                yield message("call" if in_call else "", "yours" if at_desk else "elsewhere")
            if person != shown and watch.seen.version:
                try:
                    html = render_template("desk_now.html", **_shown(person))
                except StoreUnavailable:
                    pass  # Shown at the next beat.
                else:
                    shown = person
                    yield message(html, "now")
            elif beat:
                yield message("", "beat")
            beat = yield None

    def _ends_at(mine: str) -> datetime | None:
        """When their session ends by itself; None: it has."""
        at = now()
        try:
            found = store.read(lambda c: sessions.find(c, mine, at))
        except StoreUnavailable:
            return at + sessions.IDLE  # What cannot be known is asked at the next beat.
        return None if found is None else found.ends_at

    def _shown(person: Present | None) -> Mapping[str, Any]:
        """For `desk_now.html`. Whose call rings has read of its order what is shown of it."""
        who, at = visitor().id, now()
        state = State.LOGGED_OUT if person is None else person.state
        call = store.read(lambda c: call_at(c, keys, who, at)) if _has_call(state) else None
        lost = None
        if state not in HELD:
            lost = store.read(lambda c: lost_in_talk(c, keys, who, at))
        if call is not None:
            order_no, here = call.order_no, address()
            store.write(lambda c: audit.note(c, Action.ORDER_READ, who, here, at, order_no, "desk"))
        return {
            "person": person,
            "state": state,
            "call": call,
            "lost": lost,
            "region": _region(call.region) if call is not None else None,
            "parts": _parts(call) if call is not None and call.answered else [],
            "said": words_of(assembly, topics),
        }

    def _parts(call: DeskCall) -> list[str]:
        """Addresses of what is shown below: who is asked in from another station has no form of
        it, and a supervisor leaves that to who talks."""
        query = select(orders).where(orders.c.order_no == call.order_no)
        row = store.read(lambda c: c.execute(query).mappings().first())
        theirs = row is not None and in_charge(visitor(), row)
        parts = (SAFETY,) if call.helps is not None else (FORM, SAFETY, WITH_OTHERS)
        return [part.format(call.order_no) for part in parts if theirs or part is WITH_OTHERS]

    def _by_asterisk(counselor: roster.Counselor) -> bool:
        return settings.asterisk and "browser" in _kinds(counselor)

    def _by_twilio(counselor: roster.Counselor) -> bool:
        signs = settings.twilio_api_key_secret is not None
        return signs and TWILIO_CLIENT in _kinds(counselor)

    def _region(code: str | None) -> str | None:
        return stations.regions.name(code) if code else None

    return page


def _has_call(state: State) -> bool:
    return state in HELD or state is State.WRAP_UP


def _kinds(counselor: roster.Counselor) -> set[str]:
    return {contact.kind for contact in counselor.contacts}
