"""Ways for Twilio's own Python client to reach the stand-in."""

from __future__ import annotations

from typing import Any

import requests
from twilio.http import HttpClient  # type: ignore[import-untyped]
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]

from tests.twilio_stand_in.rest.api import RestApi

PUBLIC = "https://api.twilio.com"


class InProcessHttpClient(HttpClient):  # type: ignore[misc]
    """Every request goes straight into the application."""

    def __init__(self, api: RestApi) -> None:
        self.api = api

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        if self.api.outage == "refused":
            raise requests.exceptions.ConnectionError("connection refused")
        # Encoded by the library that the client itself uses, so lists and booleans are the same.
        prepared = requests.Request(
            method, uri, params=params, data=data, headers=headers, auth=auth
        ).prepare()
        answer = self.api.app.test_client().open(
            prepared.url,
            method=method,
            data=prepared.body,
            headers=dict(prepared.headers),
        )
        if self.api.outage == "unanswered":
            raise requests.exceptions.ReadTimeout("no answer")
        return Response(answer.status_code, answer.get_data(as_text=True), dict(answer.headers))


class LoopbackHttpClient(TwilioHttpClient):  # type: ignore[misc]
    """Twilio's own HTTP client, every request sent to a loopback address instead of Twilio's."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self.server = server

    def request(self, method: str, uri: str, *args: Any, **named: Any) -> Response:
        return super().request(method, uri.replace(PUBLIC, self.server, 1), *args, **named)
