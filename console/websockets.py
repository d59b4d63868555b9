"""Which browsers' WebSockets go to Asterisk, over which its telephones speak SIP (RFC 7118).

The pages decide. An upgrade that a browser asks for is asked of the page at that address, as any
other request with its cookies; a page lets it in by answering `admitted()`, and any other answer is
the browser's. So who may is said where it is said of every page. The page is asked again every
`ASKED_EVERY` seconds, and a WebSocket that it would refuse by then is closed: a log-in that has
ended keeps no telephone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from flask import Response

PROTOCOL = "sip"
HOLDER = "X-Telephone-Holder"
"""In a page's answer: whose WebSocket it is."""
MOST = 2
"""That one holder has at once: the newest, and one that is gone without a word."""
ASKED_EVERY = 30.0

DESKS, CALLERS = "127.0.0.1", "127.0.0.2"
"""Where Asterisk meets them. Its lists tell them apart by it (pjsip.conf): nobody who was let in as
a caller is a counselor's telephone, whatever password they have."""
DESKS_ADDRESS = "/ws"

_KEY = re.compile(r"[A-Za-z0-9+/]{22}==\Z")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\Z")


class Head(NamedTuple):
    """What a request begins with. Names of `headers` are in small letters."""

    target: str
    headers: Mapping[str, str]

    @property
    def asks_for_sip(self) -> bool:
        """Is it an upgrade to a WebSocket that speaks SIP?"""
        offered = self.headers.get("sec-websocket-protocol", "").split(",")
        return (
            self.headers.get("upgrade", "").lower() == "websocket"
            and PROTOCOL in map(str.strip, offered)
            and _KEY.match(self.headers.get("sec-websocket-key", "")) is not None
        )


def met_at(head: Head) -> str:
    """The address on loopback from which it goes on to Asterisk."""
    return DESKS if head.target.partition("?")[0] == DESKS_ADDRESS else CALLERS


def head_of(text: bytes) -> Head | None:
    """Of a request without a body, its blank line included; None for what is none, or is no
    plain GET."""
    first, *lines = text.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, _, rest = first.partition(b" ")
    target, _, version = rest.partition(b" ")
    headers = [_HEADER.match(line) for line in lines]
    if method != b"GET" or version != b"HTTP/1.1" or None in headers:
        return None
    found = {m[1].decode().lower(): m[2].decode("latin-1") for m in headers if m}
    return Head(target.decode("latin-1"), found)


def asking(head: Head) -> bytes:
    """The request by which the page is asked whether it lets this upgrade in."""
    passed = {
        name: head.headers[name]
        for name in ("host", "cookie", "origin", "user-agent", "accept-language")
        if name in head.headers
    }
    lines = [f"GET {head.target} HTTP/1.1", *(f"{name}: {of}" for name, of in passed.items())]
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def upgrade(head: Head) -> bytes:
    """The request that Asterisk is sent: of the browser's only the handshake's key."""
    lines = [
        "GET /ws HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {head.headers['sec-websocket-key']}", "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {PROTOCOL}", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode("latin-1")


def admitted(holder: str) -> Response:
    """A page's answer to an upgrade that it lets in.

    :param holder: whose it is: of a third one of theirs the oldest is closed.
    """
    named = hashlib.sha256(holder.encode()).hexdigest()
    return Response(status=204, headers={"Sec-WebSocket-Protocol": PROTOCOL, HOLDER: named})


class Verdict(NamedTuple):
    """What a page answered. `final`: it knows; a store that is down knows nothing. `holder`: of one
    that it lets in."""

    admits: bool
    final: bool
    holder: str = ""


def verdict_of(answer: bytes) -> Verdict:
    """:param answer: as far as its blank line at least."""
    first, *lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    status = first.split(" ")[1:2]
    admits = status == ["204"] and headers.get("sec-websocket-protocol") == PROTOCOL
    final = bool(status) and not status[0].startswith("5")
    return Verdict(admits, final, headers.get(HOLDER.lower(), ""))
