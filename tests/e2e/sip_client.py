"""A small SIP telephone in Python, for what SIPp cannot do here: TLS and WebSocket, and dialling
as somebody who has to log in. It has sound in the calls that it takes.

SIP: RFC 3261, digest: RFC 7616 with MD5, WebSocket: RFC 6455 and 7118.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Literal, Protocol

from tests.e2e.media import playing
from tests.e2e.sipp import free_port

Transport = Literal["udp", "tcp", "tls", "ws"]

SECONDS = 10.0

SDP = """v=0
o=phone 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {port} RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response that came in; `first` is its first line."""

    first: str
    headers: dict[str, str]
    body: str

    @property
    def status(self) -> int:
        """0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        return self.headers["cseq"].split()[1]


class Link(Protocol):
    """Whole SIP messages over some transport."""

    def send(self, message: bytes) -> None: ...
    def receive(self) -> bytes: ...
    def close(self) -> None: ...


class Telephone:
    """One account's telephone, connected until `close()`. Its sound is at `media_port`.

    :param came_from: the address that a stream comes from; "" for any.
    """

    def __init__(
        self,
        account: str,
        secret: str,
        server: tuple[str, int],
        transport: Transport = "udp",
        came_from: str = "",
    ) -> None:
        self.account = account
        self._secret = secret
        self._transport = transport
        self._server = f"{server[0]}:{server[1]}"
        self._link = _connected(server, transport, came_from)
        self._cseq = 0
        self._tag = token_hex(4)
        self._asked: set[str] = set()
        self.address = "127.0.0.1"
        self.media_port = free_port(self.address, even=True)

    def __enter__(self) -> Telephone:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._link.close()

    def options(self) -> int:
        """What the server says to OPTIONS, without logging in."""
        return self._ask("OPTIONS", self._server, token_hex(8)).status

    def register(self, seconds: int = 60) -> int:
        """The final status of a log-in."""
        extra = {"Contact": self._contact(), "Expires": str(seconds)}
        return self._asked_with_password("REGISTER", self._server, extra).status

    def dial(self, number: str) -> int:
        """The final status of a call; where it is answered: wait until the server hangs up."""
        extra = {"Contact": self._contact(), "Content-Type": "application/sdp"}
        reply = self._asked_with_password(
            "INVITE", f"{number}@{self._server}", extra, SDP.format(port=9)
        )
        if reply.status == 200:
            self._heard("BYE")
        return reply.status

    def give_sign_of_life(self) -> None:
        """Asterisk asks a telephone that has logged in for one, and calls none that gave none."""
        while "OPTIONS" not in self._asked:
            self._heard("OPTIONS")

    @contextmanager
    def talking(self, hertz: int) -> Iterator[None]:
        """Answer the next call, sound a tone into it, and hang up at the end."""
        rings = self._heard("INVITE")
        extra = {
            "To": f"{rings.headers['to']};tag={self._tag}",
            "Contact": self._contact(),
            "Content-Type": "application/sdp",
        }
        self._agree(rings, extra, SDP.format(port=self.media_port))
        self._heard("ACK")
        place = re.search(r"(?s)c=IN IP4 (\S+).*m=audio (\d+)", rings.body)
        assert place is not None
        with playing(hertz, self.media_port, (place[1], int(place[2]))):
            yield
        other = rings.headers["contact"].strip("<>").removeprefix("sip:")
        sides = {"From": extra["To"], "To": rings.headers["from"]}
        self._ask("BYE", other, rings.headers["call-id"], sides)

    def _contact(self) -> str:
        """Asterisk answers where the connection came from."""
        return f"<sip:{self.account}@{self.address}:9;transport={self._transport}>"

    def _asked_with_password(
        self, method: str, to: str, extra: dict[str, str], body: str = ""
    ) -> Message:
        call_id = token_hex(8)
        reply = self._ask(method, to, call_id, extra, body)
        if reply.status != 401 or not self._secret:
            return reply
        challenge = dict(re.findall(r'(\w+)="?([^",]+)"?', reply.headers["www-authenticate"]))
        authorization = self._digest(method, f"sip:{to}", challenge)
        return self._ask(method, to, call_id, {**extra, "Authorization": authorization}, body)

    def _digest(self, method: str, uri: str, challenge: dict[str, str]) -> str:
        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        nonce, realm, cnonce = challenge["nonce"], challenge["realm"], token_hex(4)
        mine = md5(f"{self.account}:{realm}:{self._secret}")
        response = md5(f"{mine}:{nonce}:00000001:{cnonce}:auth:{md5(f'{method}:{uri}')}")
        opaque = f', opaque="{challenge["opaque"]}"' if "opaque" in challenge else ""
        return (
            f'Digest username="{self.account}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, cnonce="{cnonce}", qop=auth, '
            f"nc=00000001{opaque}"
        )

    def _ask(
        self,
        method: str,
        to: str,
        call_id: str,
        extra: dict[str, str] | None = None,
        body: str = "",
    ) -> Message:
        """Send a request, give its final response."""
        self._cseq += 1
        branch = f"z9hG4bK{token_hex(8)}"
        user = to if "@" in to else f"{self.account}@{to}"
        headers = {
            "Via": f"SIP/2.0/{self._transport.upper()} 127.0.0.1:9;branch={branch};rport",
            "From": f"<sip:{self.account}@{self._server}>;tag={self._tag}",
            "To": f"<sip:{user}>",
            "Call-ID": call_id,
            "CSeq": f"{self._cseq} {method}",
            "Max-Forwards": "70",
            **(extra or {}),
        }
        self._send(f"{method} sip:{to} SIP/2.0", headers, body)
        reply = self._heard(method)
        while reply.status < 200:
            reply = self._heard(method)
        if method == "INVITE":
            ack = {name: headers[name] for name in ("From", "Call-ID", "Max-Forwards")}
            ack |= {"Via": headers["Via"], "To": reply.headers["to"], "CSeq": f"{self._cseq} ACK"}
            target = f"sip:{to}"
            if reply.status == 200:
                ack["Via"] = headers["Via"].replace(branch, branch + "a")
                target = reply.headers["contact"].strip("<>").partition(">")[0]
            self._send(f"ACK {target} SIP/2.0", ack)
        return reply

    def _heard(self, method: str) -> Message:
        """The next message about `method`; what the server asks is agreed to, but for a call."""
        while True:
            text = self._link.receive().decode("utf-8", "replace")
            head, _, body = text.partition("\r\n\r\n")
            first, *lines = head.split("\r\n")
            message = Message(first, _headers(lines), body)
            if message.status == 0:
                self._asked.add(message.method)
                if message.method not in ("ACK", "INVITE"):
                    self._agree(message)
            if message.method == method:
                return message

    def _agree(self, request: Message, extra: dict[str, str] | None = None, body: str = "") -> None:
        named = ("Via", "From", "To", "Call-ID", "CSeq")
        headers = {name: request.headers[name.lower()] for name in named} | (extra or {})
        self._send("SIP/2.0 200 OK", headers, body)

    def _send(self, first: str, headers: dict[str, str], body: str = "") -> None:
        lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
        text = body.replace("\n", "\r\n")
        lines.append(f"Content-Length: {len(text)}")
        self._link.send(("\r\n".join(lines) + "\r\n\r\n" + text).encode())


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        # Several Via lines are one header.
        found[key] = f"{found[key]}, {value.strip()}" if key in found else value.strip()
    return found


def _connected(server: tuple[str, int], transport: Transport, came_from: str) -> Link:
    if transport == "udp":
        return _Datagrams(server)
    connection: socket.socket = socket.create_connection(server, SECONDS, (came_from, 0))
    if transport == "tls":
        # The certificate is one we made ourselves.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    if transport == "ws":
        return _WebSocket(connection, server)
    return _Stream(connection)


class _Datagrams:
    def __init__(self, server: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(server)
        self._socket.settimeout(SECONDS)

    def send(self, message: bytes) -> None:
        self._socket.send(message)

    def receive(self) -> bytes:
        return self._socket.recv(65_535)

    def close(self) -> None:
        self._socket.close()


class _Stream:
    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._received = b""

    def send(self, message: bytes) -> None:
        self._socket.sendall(message)

    def receive(self) -> bytes:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._more()
        length = re.search(rb"(?im)^content-length:\s*(\d+)", self._received[: end + 2])
        whole = end + 4 + int(length[1] if length else 0)
        while len(self._received) < whole:
            self._more()
        message, self._received = self._received[:whole], self._received[whole:]
        return message

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> None:
        more = self._socket.recv(65_536)
        if not more:
            raise ConnectionError("the server closed the connection")
        self._received += more


class _WebSocket:
    """Each SIP message is one text frame."""

    def __init__(self, connection: socket.socket, server: tuple[str, int]) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {server[0]}:{server[1]}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status = self._file.readline()
        if b" 101 " not in status:
            raise ConnectionError(status.decode("utf-8", "replace"))
        while self._file.readline().strip():
            pass

    def send(self, message: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(message))
        size = len(message)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
        self._socket.sendall(b"\x81" + length + mask + masked)

    def receive(self) -> bytes:
        while True:
            kind, size = self._exactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", self._exactly(2))
            payload = self._exactly(size)
            if kind & 0x0F in (1, 2):
                return payload

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise ConnectionError("the server closed the connection")
        return data
