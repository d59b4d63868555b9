"""The API in the console's application: who asks is known by their token alone, never by a cookie,
so no page elsewhere can have a browser ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus

import structlog
from flask import Blueprint, Response, g, jsonify, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from config.database import StoreUnavailable
from console.api import tokens
from console.api.asked import Asked
from console.api.endpoints import ENDPOINTS, Endpoint
from console.api.openapi import JSON, KEY_PATTERN, PATTERNS, PREFIX, described
from console.api.problems import RETRY_SECONDS, Mistake, Refused, missing, unfit, wrongly_written
from console.api.rates import BY_ADDRESS, BY_TOKEN, Rates
from console.api.scopes import NEEDED
from console.api.tokens import Token
from console.visitor import NEEDS, address
from ivr.assembly import Assembly

log = structlog.get_logger()

NAME = "api"
LARGEST_BODY = 65_536
DESCRIPTION = f"{NAME}.description"
MINUTE = "60"


def asked_for() -> bool:
    """Is this request the API's?"""
    return request.path.startswith("/api/")


def blueprint(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    api = Blueprint(NAME, __name__, url_prefix=PREFIX)
    rates = Rates()

    @api.get("/openapi.json")
    def description() -> Response:
        return jsonify(described())

    for endpoint in ENDPOINTS:
        view = partial(_answer, endpoint, assembly, rates, now)
        setattr(view, NEEDS, NEEDED[endpoint.scope])
        address_ = re.sub(r"{(\w+)}", r"<\1>", endpoint.path)
        api.add_url_rule(
            address_, endpoint.name.replace(".", "_"), view, methods=[endpoint.method],
            provide_automatic_options=False,
        )  # fmt: skip
    return api


def refused(error: Exception) -> Response:
    """What went wrong with a request that is the API's, as a problem."""
    match error:
        case Refused():
            return error.answer
        case StoreUnavailable():
            log.error("console_without_store", reason=str(error))
            later = {"Retry-After": str(RETRY_SECONDS)}
            return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "try again soon", later).answer
        case HTTPException(code=int(code)):
            headers = {name: value for name, value in error.get_headers() if name == "Allow"}
            detail = " ".join((error.description or "").split())
            return Refused(HTTPStatus(code), detail, headers).answer
    log.error("api_failed", endpoint=request.endpoint, exc_info=error)
    return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "our fault: tell the operator").answer


def _answer(
    endpoint: Endpoint, assembly: Assembly, rates: Rates, now: Callable[[], datetime], **path: str
) -> Response:
    at = now()
    token = _known(assembly, rates, at)
    g.account = token.account
    if endpoint.scope not in token.scopes:
        raise _forbidden(f"the token lacks the scope {endpoint.scope}", str(endpoint.scope))
    if not NEEDED[endpoint.scope](token.account.may):
        raise _forbidden(f"a {token.account.role} has no right to this", str(endpoint.scope))
    for name, value in path.items():
        if not re.fullmatch(PATTERNS[name], value):
            raise missing()
    asked = Asked(
        assembly, token, at, address(), path, _query(endpoint), _body(endpoint), _headers(endpoint)
    )
    done = endpoint.does(asked)
    found, status = done if isinstance(done, tuple) else (done, endpoint.answers[0])
    return Response(found.model_dump_json(), status, content_type=JSON)


def _known(assembly: Assembly, rates: Rates, at: datetime) -> Token:
    """Whose token it is, who may go on asking. Raises Refused."""
    here = address()
    if rates.counted(here, at) >= BY_ADDRESS:
        raise _too_many("too many requests with tokens that open nothing")
    kind, _, shown = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not shown:
        raise _unknown('Bearer realm="12355"', "send a token: Authorization: Bearer ivr_…")
    token = assembly.store.read(lambda c: tokens.find(c, shown, at))
    if token is None:
        rates.count(here, at)
        log.warning("api_token_refused", address=here)
        challenge = 'Bearer realm="12355", error="invalid_token"'
        raise _unknown(challenge, "the token is unknown, expired or revoked")
    if rates.count(token.id, at) > BY_TOKEN:
        raise _too_many(f"more than {BY_TOKEN} requests a minute")
    if token.used_at is None or at - token.used_at >= tokens.USED_EVERY:
        assembly.store.write(lambda c: tokens.used(c, token, at))
    return token


def _query(endpoint: Endpoint) -> BaseModel | None:
    given = request.args
    twice = [name for name, values in given.lists() if len(values) > 1]
    if twice:
        raise unfit(Mistake(where=f"query.{twice[0]}", what="is given more than once"))
    if endpoint.query is None:
        for name in given:
            raise unfit(Mistake(where=f"query.{name}", what="is not known here"))
        return None
    try:
        return endpoint.query.model_validate_strings(given.to_dict())
    except ValidationError as error:
        raise wrongly_written("query", error) from None


def _body(endpoint: Endpoint) -> BaseModel | None:
    if endpoint.body is None:
        return None
    if request.mimetype != JSON:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: send {JSON}")
    request.max_content_length = LARGEST_BODY
    try:
        return endpoint.body.model_validate_json(request.get_data(), strict=True)
    except ValidationError as error:
        raise wrongly_written("body", error) from None


def _headers(endpoint: Endpoint) -> dict[str, str]:
    found = {name: request.headers[name] for name, _ in endpoint.headers if name in request.headers}
    for name, value in found.items():
        if not re.fullmatch(KEY_PATTERN, value):
            raise unfit(Mistake(where=f"header.{name}", what="1 to 64 characters without a space"))
    return found


def _unknown(challenge: str, detail: str) -> Refused:
    """RFC 6750."""
    return Refused(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": challenge})


def _forbidden(detail: str, scope: str) -> Refused:
    challenge = f'Bearer realm="12355", error="insufficient_scope", scope="{scope}"'
    return Refused(HTTPStatus.FORBIDDEN, detail, {"WWW-Authenticate": challenge})


def _too_many(detail: str) -> Refused:
    return Refused(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": MINUTE})
