"""TwiML documents: what may stand in them, and reading them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lxml import etree

from tests.twilio_stand_in import schema
from tests.twilio_stand_in.failures import (
    DOCUMENT_PARSE_FAILURE,
    DOCUMENT_TOO_LARGE,
    INVALID_CONTENT_TYPE,
    INVALID_URL,
    DocumentFailed,
)

# Error dictionary, 11750: a TwiML response larger than 64 KB is refused.
LARGEST = 64 * 1024

_CALLBACK = {"url", "method", "statusCallback", "statusCallbackMethod", "statusCallbackEvent"}
_RECORDING = {
    "recordingStatusCallback",
    "recordingStatusCallbackMethod",
    "recordingStatusCallbackEvent",
}

# Verbs and nouns with their attributes, as each one's page lists them. Names are case-sensitive.
ATTRIBUTES: dict[str, set[str]] = {
    "Response": set(),
    "Say": {"voice", "language", "loop"},
    "Play": {"loop", "digits"},
    "Pause": {"length"},
    "Gather": {
        *("input", "action", "method", "timeout", "finishOnKey", "numDigits"),
        *("actionOnEmptyResult", "language", "hints", "speechTimeout", "profanityFilter"),
    },
    "Record": {
        *("action", "method", "timeout", "finishOnKey", "maxLength", "playBeep", "trim"),
        *_RECORDING,
    },
    "Dial": {
        *("action", "method", "timeout", "hangupOnStar", "timeLimit", "callerId", "record"),
        *("answerOnBridge", "ringTone", "sequential", "trim", "recordingTrack", "callReason"),
        *_RECORDING,
    },
    "Number": {*_CALLBACK, "sendDigits"},
    "Client": {*_CALLBACK},
    "Identity": set(),
    "Parameter": {"name", "value"},
    "Sip": {*_CALLBACK, "username", "password"},
    "Queue": {"url", "method"},
    # As far as the stand-in performs it.
    "Conference": {"beep", "waitUrl", "endConferenceOnExit"},
    "Enqueue": {"action", "method", "waitUrl", "waitUrlMethod"},
    "Leave": set(),
    "Redirect": {"method"},
    "Reject": {"reason"},
    "Hangup": set(),
}

# What may stand in what.
_PROMPTS = {"Say", "Play", "Pause"}
CHILDREN: dict[str, set[str]] = {
    "Response": {
        *_PROMPTS,
        *("Gather", "Record", "Dial", "Enqueue", "Leave", "Redirect", "Reject", "Hangup"),
    },
    "Gather": _PROMPTS,
    "Dial": {"Number", "Client", "Sip", "Queue", "Conference"},
    "Client": {"Identity", "Parameter"},
}


@dataclass(frozen=True)
class Document:
    """A document read, and the address that relative ones in it start from."""

    root: etree._Element
    url: str

    def resolve(self, address: str) -> str:
        """Gather and others: in a document given as text, addresses must be absolute."""
        absolute = urljoin(self.url, address)
        if not urlsplit(absolute).scheme:
            raise DocumentFailed(INVALID_URL, address, "the address must be absolute")
        return absolute


def elements(parent: etree._Element) -> Iterator[etree._Element]:
    """The elements in it, comments left out."""
    return (child for child in parent if isinstance(child.tag, str))


def text(element: etree._Element) -> str:
    return " ".join("".join(str(part) for part in element.itertext()).split())


def read(body: bytes, content_type: str, url: str) -> tuple[Document, list[str]]:
    """The document and what is wrong with it, element by element; raises where Twilio gives up."""
    if len(body) > LARGEST:
        raise DocumentFailed(DOCUMENT_TOO_LARGE, url, f"{len(body)} bytes")
    # TwiML for Programmable Voice, MIME types: these are read as TwiML.
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("text/xml", "application/xml", "text/html"):
        raise DocumentFailed(INVALID_CONTENT_TYPE, url, content_type or "no content type")
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError as failure:
        raise DocumentFailed(DOCUMENT_PARSE_FAILURE, url, str(failure)) from failure
    if root.tag != "Response":
        raise DocumentFailed(DOCUMENT_PARSE_FAILURE, url, f"the root is <{root.tag}>")
    return Document(root, url), [*_misfits(root), *schema.violations(root)]


def _misfits(element: etree._Element) -> Iterator[str]:
    name = str(element.tag)
    for attribute in element.attrib:
        if attribute not in ATTRIBUTES[name]:
            yield f"<{name}> has no attribute {attribute!s}"
    for child in list(elements(element)):
        if child.tag in CHILDREN.get(name, ()):
            yield from _misfits(child)
        else:
            yield f"<{child.tag}> cannot stand in <{name}>"
            element.remove(child)
