"""Runs TwiML documents on a leg, verb after verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lxml import etree

from tests.twilio_stand_in import twiml
from tests.twilio_stand_in.failures import SCHEMA_WARNING, DocumentFailed
from tests.twilio_stand_in.leg import Leg
from tests.twilio_stand_in.process import Steps
from tests.twilio_stand_in.twiml import Document

if TYPE_CHECKING:
    from tests.twilio_stand_in.account import Twilio

# So many documents in no time at all are a circle.
LONGEST_CHAIN = 50


@dataclass(frozen=True)
class Source:
    """Where the next document comes from: an address, or the document itself."""

    url: str = ""
    method: str = "POST"
    parameters: Mapping[str, str] = field(default_factory=dict)
    twiml: str = ""


class Redirected(Exception):
    """The API gave the leg another document."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.url)
        self.source = source


class Verb(Protocol):
    """Performs one element; gives the source that takes over, or None to go on below it."""

    def __call__(
        self, interpreter: Interpreter, element: etree._Element, document: Document
    ) -> Steps[Source | None]: ...


@dataclass
class Interpreter:
    twilio: Twilio
    leg: Leg
    verbs: Mapping[str, Verb]

    def run(
        self, source: Source | None, begin: Callable[[], Mapping[str, str]] = dict
    ) -> Steps[None]:
        """Run this document and those that take over from it; `begin` adds to the first request."""
        more = begin()
        chain, moment = 0, self.leg.clock.elapsed
        while source is not None:
            document = yield from self._document(source, more)
            more = {}
            chain = chain + 1 if moment == self.leg.clock.elapsed else 0
            moment = self.leg.clock.elapsed
            assert chain < LONGEST_CHAIN, f"{source.url}: documents lead to each other for ever"
            source = yield from self._perform(document)

    def _document(self, source: Source, more: Mapping[str, str]) -> Steps[Document]:
        if source.twiml:
            body, kind = source.twiml.encode(), "text/xml"
        else:
            parameters = {**self.leg.parameters(), **source.parameters, **more}
            reply = yield from self.twilio.webhooks.request(
                source.url, source.method, parameters, self.leg.requests
            )
            body, kind = reply.body, reply.content_type
        if kind.startswith("audio/"):
            # MIME types: an audio file is played instead of a document.
            body = f"<Response><Play>{source.url}</Play></Response>".encode()
            kind = "text/xml"
        document, wrong = twiml.read(body, kind, source.url)
        for text in wrong:
            self.twilio.alert(SCHEMA_WARNING, text, source.url, self.leg)
        return document

    def _perform(self, document: Document) -> Steps[Source | None]:
        for element in twiml.elements(document.root):
            verb = self.verbs.get(str(element.tag))
            if verb is None:
                text = f"<{element.tag}> is not allowed here"
                self.twilio.alert(SCHEMA_WARNING, text, document.url, self.leg)
                continue
            try:
                following = yield from verb(self, element, document)
            except ValueError as failure:
                text = f"<{element.tag}>: {failure}"
                raise DocumentFailed(SCHEMA_WARNING, document.url, text) from failure
            if following is not None:
                return following
        return None
