"""A server of fixed TwiML pages, to try the stand-in itself."""

from __future__ import annotations

from collections import defaultdict

from flask import Flask, Response, request

from tests.twilio_stand_in.account import Twilio
from tests.twilio_stand_in.fetching import over_flask
from tests.twilio_stand_in.webhook import Exchange

PUBLIC = "https://line.example"
NUMBER = "+8675512355"
CALLER = "+8613800138000"


class Pages:
    """Documents by path, without their root; of several the next each time, the last for ever."""

    def __init__(self, **documents: str | list[str]) -> None:
        self.documents = {
            f"/{name}": [text] if isinstance(text, str) else text
            for name, text in documents.items()
        }
        self.broken: dict[str, int] = {}
        self.asked: dict[str, int] = defaultdict(int)
        self.app = Flask(__name__)
        self.app.add_url_rule("/<path:path>", view_func=self._page, methods=["GET", "POST"])

    def _page(self, path: str) -> Response:
        if request.path in self.broken:
            return Response("", self.broken[request.path])
        documents = self.documents.get(request.path, [""])
        text = documents[min(self.asked[request.path], len(documents) - 1)]
        self.asked[request.path] += 1
        return Response(f"<Response>{text}</Response>", mimetype="text/xml")

    def twilio(self) -> Twilio:
        """An account whose one number asks for /voice and reports to /status."""
        twilio = Twilio(over_flask(self.app))
        twilio.number(NUMBER, f"{PUBLIC}/voice", status_callback=f"{PUBLIC}/status")
        return twilio


def requests(twilio: Twilio, path: str) -> list[Exchange]:
    """The requests made to a path, in order."""
    return [e for e in twilio.exchanges if e.url.split("?")[0] == f"{PUBLIC}/{path}"]
