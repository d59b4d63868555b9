"""The addresses that Twilio asks, as a Flask blueprint."""

from __future__ import annotations

import hmac
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import structlog
from flask import Blueprint, Flask, Response, abort, request, send_file
from werkzeug.exceptions import HTTPException

from config.database import StoreUnavailable
from ivr.pending import StaleTurn
from ivr.twilio.addresses import PREFIX, Addresses
from ivr.twilio.asked_in_legs import AskedInLegs
from ivr.twilio.callbacks import TwilioCallbacks
from ivr.twilio.calls import Calls
from ivr.twilio.forms import BadForm, Form
from ivr.twilio.placed_legs import PlacedLegs
from ivr.twilio.signatures import Signatures

log = structlog.get_logger()

LARGEST_BODY = 64_000
FORBIDDEN = 403
SOUND_SECONDS = 86_400
"""A sound's name never changes its meaning: Twilio may keep it."""


def application(
    calls: Calls,
    placed: PlacedLegs,
    callbacks: TwilioCallbacks,
    asked_in: AskedInLegs,
    signatures: Signatures,
    addresses: Addresses,
    sound: Callable[[str], Path | None],
) -> Flask:
    """:param sound: the file behind a sound's name."""
    app = Flask("twilio", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config["MAX_FORM_PARTS"] = 200
    app.register_blueprint(
        _blueprint(calls, placed, callbacks, asked_in, signatures, addresses, sound),
        url_prefix=PREFIX,
    )
    return app


def _blueprint(
    calls: Calls,
    placed: PlacedLegs,
    callbacks: TwilioCallbacks,
    asked_in: AskedInLegs,
    signatures: Signatures,
    addresses: Addresses,
    sound: Callable[[str], Path | None],
) -> Blueprint:
    webhooks = Blueprint("twilio", __name__)
    refused: Counter[str] = Counter()
    counting = threading.Lock()

    @webhooks.before_request
    def only_twilio() -> None:
        if request.endpoint == "twilio.sounds":
            return
        reason = signatures.refused(_target(), request.form, request.headers)
        if reason is not None:
            with counting:
                refused[reason] += 1
                count = refused[reason]
            log.warning("twilio_request_refused", reason=reason, count=count)
            abort(FORBIDDEN)

    def answer(document: Callable[[Form], str]) -> Response:
        return Response(document(request.form), mimetype="text/xml")

    @webhooks.post("/call")
    def began() -> Response:
        return answer(calls.began)

    @webhooks.post("/call/<int:turn>")
    def turn_over(turn: int) -> Response:
        return answer(lambda form: calls.turn(turn, form))

    @webhooks.post("/call/<int:turn>/key")
    def key(turn: int) -> Response:
        return answer(lambda form: calls.key(turn, form))

    @webhooks.post("/call/<int:turn>/wait/key")
    def key_in_queue(turn: int) -> Response:
        return answer(lambda form: calls.key_in_queue(turn, form))

    @webhooks.post("/call/<int:turn>/wait")
    def wait(turn: int) -> Response:
        return answer(lambda form: calls.wait(turn, form))

    @webhooks.post("/call/<int:turn>/wait/alone/<int:waited>")
    def wait_alone(turn: int, waited: int) -> Response:
        return answer(lambda form: calls.wait_alone(turn, waited, form))

    @webhooks.post("/call/<int:turn>/reserved")
    def reserved(turn: int) -> Response:
        return answer(lambda form: calls.reserved(turn, form))

    @webhooks.post("/leg/<int:turn>/<kind>/<who>")
    def picked_up(turn: int, kind: str, who: str) -> Response:
        return answer(lambda form: calls.picked_up(turn, kind, who, form))

    @webhooks.post("/leg/<int:turn>/<kind>/<who>/answered")
    def line_answered(turn: int, kind: str, who: str) -> Response:
        calls.line_answered(turn, kind, who, request.form)
        return Response(status=204)

    @webhooks.post("/leg/<int:turn>/<kind>/<who>/key")
    def accepted(turn: int, kind: str, who: str) -> Response:
        return answer(lambda form: calls.accepted(turn, kind, who, form))

    @webhooks.post("/status")
    def status() -> Response:
        calls.status(request.form)
        return Response(status=204)

    @webhooks.post("/placed/<call_id>")
    def placed_picked_up(call_id: str) -> Response:
        return answer(lambda form: placed.picked_up(call_id, form))

    @webhooks.post("/placed/<call_id>/key")
    def placed_key(call_id: str) -> Response:
        return answer(lambda form: placed.key(call_id, form))

    @webhooks.post("/placed/<call_id>/status")
    def placed_status(call_id: str) -> Response:
        placed.status(call_id, request.form)
        return Response(status=204)

    @webhooks.post("/placed/<call_id>/caller")
    def called_back(call_id: str) -> Response:
        return answer(lambda form: callbacks.caller_picked_up(call_id))

    @webhooks.post("/placed/<call_id>/caller/key")
    def called_back_key(call_id: str) -> Response:
        return answer(lambda form: callbacks.caller_key(call_id, form))

    @webhooks.post("/placed/<call_id>/over")
    def called_back_over(call_id: str) -> Response:
        return answer(lambda form: callbacks.over(call_id, form))

    @webhooks.post("/call/<int:turn>/conference/<any(alone, over):how>")
    def out_of_conference(turn: int, how: str) -> Response:
        return answer(lambda form: calls.out_of_conference(turn, how == "alone", form))

    @webhooks.post("/conference/<order_no>")
    def conference(order_no: str) -> Response:
        return answer(lambda _form: asked_in.counselor(order_no))

    @webhooks.post("/asked-in/<request_id>")
    def asked_in_picked_up(request_id: str) -> Response:
        return answer(lambda form: asked_in.picked_up(request_id, False, form))

    @webhooks.post("/asked-in/<request_id>/accept")
    def asked_in_accepts(request_id: str) -> Response:
        return answer(lambda form: asked_in.picked_up(request_id, True, form))

    @webhooks.post("/asked-in/<request_id>/key")
    def asked_in_key(request_id: str) -> Response:
        return answer(lambda form: asked_in.key(request_id, form))

    @webhooks.post("/asked-in/<request_id>/status")
    def asked_in_status(request_id: str) -> Response:
        asked_in.status(request_id, request.form)
        return Response(status=204)

    @webhooks.get("/sound/<signature>/<name>.wav")
    def sounds(signature: str, name: str) -> Response:
        if not hmac.compare_digest(signature.encode(), addresses.signature(name).encode()):
            abort(FORBIDDEN)
        file = sound(name)
        if file is None:
            abort(404)
        return send_file(file, mimetype="audio/wav", max_age=SOUND_SECONDS)

    @webhooks.after_request
    def left_to_fallback(response: Response) -> Response:
        steers = request.endpoint not in ("twilio.status", "twilio.sounds")
        if steers and response.status_code >= 400 and response.status_code != FORBIDDEN:
            calls.failed(request.form)
        return response

    @webhooks.errorhandler(BadForm)
    def bad_form(error: BadForm) -> Response:
        log.error("twilio_form_not_understood", what=str(error))
        return Response(status=400)

    @webhooks.errorhandler(StoreUnavailable)
    def unavailable(error: StoreUnavailable) -> Response:
        # Twilio turns to the number's fallback: a static document that reaches a human.
        log.error("call_left_to_fallback", reason=str(error))
        return Response(status=503)

    @webhooks.errorhandler(StaleTurn)
    def overtaken(_error: StaleTurn) -> Response:
        return Response(status=503)

    @webhooks.errorhandler(Exception)
    def failed(error: Exception) -> Response | HTTPException:
        if isinstance(error, HTTPException):
            return error
        log.exception("twilio_webhook_failed")
        return Response(status=500)

    return webhooks


def _target() -> str:
    """Path and query exactly as they came: decoded and put together again they may differ."""
    raw: str | None = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI")
    if raw is None:
        return request.full_path if request.query_string else request.path
    if "://" in raw:
        raw = "/" + raw.split("://", 1)[1].partition("/")[2]
    return raw
