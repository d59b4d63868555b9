"""What goes wrong, by the codes of Twilio's error dictionary, and what ends or turns a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

INVALID_URL = 11100
HTTP_RETRIEVAL_FAILURE = 11200
CONNECTION_REFUSED = 11202
TOTAL_TIME_OUT = 11203
DOCUMENT_TOO_LARGE = 11750
DOCUMENT_PARSE_FAILURE = 12100
SCHEMA_WARNING = 12200
INVALID_CONTENT_TYPE = 12300
INVALID_CALLER_ID = 13214


@dataclass(frozen=True)
class Alert:
    """One line of the account's debugger."""

    code: int
    text: str
    url: str
    call_sid: str
    at: datetime


class DocumentFailed(Exception):
    """A document could not be fetched or understood."""

    def __init__(self, code: int, url: str, text: str) -> None:
        super().__init__(f"{code} {text}: {url}")
        self.code = code
        self.url = url
        self.text = text


class HungUp(Exception):
    """The far end hung up, or the API ended the call with a status."""

    def __init__(self, status: str | None = None) -> None:
        super().__init__(status or "hung up")
        self.status = status


class EndOfCall(Exception):
    """A verb ended the call."""

    def __init__(self, status: str = "completed") -> None:
        super().__init__(status)
        self.status = status


class LeftQueue(Exception):
    """The verb Leave."""
