"""Twilio's REST API as a WSGI application over one account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from flask import Flask, Response, jsonify, request

from tests.twilio_stand_in.account import Twilio
from tests.twilio_stand_in.leg import API_VERSION
from tests.twilio_stand_in.rest import calls, openapi, phone_numbers, queues, recordings
from tests.twilio_stand_in.rest.errors import ApiError, not_found

Outage = Literal["refused", "503", "unanswered"]
Answer = dict[str, object] | Response | None


class RestApi:
    """`app` is the application. `outage` is a knob: refused connections, 503, or what is asked for
    is done and its answer lost, until it is over."""

    def __init__(self, twilio: Twilio) -> None:
        self.twilio = twilio
        self.outage: Outage | None = None
        self.app = Flask(__name__)
        self.app.register_error_handler(ApiError, lambda error: (error.body, error.status))
        self.app.before_request(self._admit)
        account = f"/{API_VERSION}/Accounts/{twilio.account_sid}"
        self._account = account
        self._route("GET", ".json", lambda path: phone_numbers.account(twilio, path))
        self._route("POST", "/Calls.json", lambda path: calls.create(twilio, path, request.form))
        self._route("GET", "/Calls.json", lambda path: calls.read(twilio, path, request.args))
        self._route("GET", "/Calls/<sid>.json", lambda path, sid: calls.fetch(twilio, path, sid))
        self._route(
            "POST",
            "/Calls/<sid>.json",
            lambda path, sid: calls.update(twilio, path, request.form, sid),
        )
        self._route(
            "GET",
            "/Calls/<sid>/Recordings.json",
            lambda path, sid: recordings.read(twilio, path, request.args, sid),
        )
        self._route(
            "GET", "/Recordings.json", lambda path: recordings.read(twilio, path, request.args)
        )
        self._route(
            "GET", "/Recordings/<sid>.json", lambda path, sid: recordings.fetch(twilio, path, sid)
        )
        self._route(
            "DELETE",
            "/Recordings/<sid>.json",
            lambda path, sid: recordings.delete(twilio, path, sid),
        )
        self._route(
            "GET", "/Recordings/<sid>.wav", lambda path, sid: recordings.media(twilio, path, sid)
        )
        self._route(
            "GET", "/Recordings/<sid>", lambda path, sid: recordings.media(twilio, path, sid)
        )
        self._route(
            "GET",
            "/IncomingPhoneNumbers.json",
            lambda path: phone_numbers.read(twilio, path, request.args),
        )
        self._route(
            "GET",
            "/IncomingPhoneNumbers/<sid>.json",
            lambda path, sid: phone_numbers.fetch(twilio, path, sid),
        )
        self._route(
            "POST",
            "/IncomingPhoneNumbers/<sid>.json",
            lambda path, sid: phone_numbers.update(twilio, path, request.form, sid),
        )

        self._route("GET", "/Queues.json", lambda path: queues.read(twilio, path, request.args))
        self._route(
            "POST",
            "/Queues/<queue>/Members/<call>.json",
            lambda path, queue, call: queues.dequeue(twilio, path, request.form, queue, call),
        )

    def goes_down(self, how: Outage, seconds: float) -> None:
        """Out of reach for a while of the account's clock."""
        self.outage = how
        self.twilio.clock.after(seconds, self.comes_back)

    def comes_back(self) -> None:
        self.outage = None

    def _route(self, method: str, rule: str, answer: Callable[..., Answer]) -> None:
        def view(**values: str) -> Response:
            with self.twilio.clock.lock:
                return self._respond(answer(request.path, **values))

        self.app.add_url_rule(
            self._account + rule, f"{method} {rule}", view, methods=[method], strict_slashes=True
        )

    def _admit(self) -> tuple[dict[str, object], int] | None:
        if self.outage == "503":
            return {"message": "Service Unavailable", "status": 503}, 503
        given = request.authorization
        # REST API, authentication: the account's SID and its auth token.
        if given is None or (given.username, given.password) != (
            self.twilio.account_sid,
            self.twilio.auth_token,
        ):
            raise ApiError(401, 20003, "Authenticate")
        if request.url_rule is None:
            raise not_found(request.path)
        parameters = request.args if request.method == "GET" else request.form
        if request.path.endswith(".json"):
            self.twilio.faults.extend(
                openapi.request_faults(request.method, request.path, dict(parameters.lists()))
            )
        return None

    def _respond(self, answer: Answer) -> Response:
        if isinstance(answer, Response):
            return answer
        if answer is None:
            return Response(status=204)
        status = 201 if request.method == "POST" and request.path.endswith("/Calls.json") else 200
        openapi.check_answer(request.method, request.path, status, answer)
        response = jsonify(answer)
        response.status_code = status
        return response
