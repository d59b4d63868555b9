"""Twilio as a load: whole calls over keep-alive connections, each request signed, one thread.

A call does what the TwiML it is answered says, as far as this flow needs: a key in a menu, a wait
in the queue, a release, a counselor who picks up, the end.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

PUBLIC = "https://ivr.example.cn"
NUMBER = "+862012355000"
ACCOUNT_SID = "AC" + "12355" * 6 + "00"
AUTH_TOKEN = "a token for benchmarks"

_ENQUEUE = re.compile(r'<Enqueue action="([^"]+)" waitUrl="([^"]+)"')
_GATHER = re.compile(r'<Gather [^>]*action="([^"]+)"')
_DIAL = re.compile(r'<Dial action="([^"]+)"')
_PHONE = re.compile(r'<Client url="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to `address`."""

    address: str
    form: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Released:
    """Wait until the REST side sends this call on; the address it is sent to is the answer."""

    sid: str


Call = Generator[Ask | Released, str, None]


def one_call(serial: int) -> Call:
    """From the first word to the last: eight webhooks where the caller waits, else five."""
    sid = f"CA{serial:032x}"
    about = _about(sid, serial)
    ringing, talking = about | {"CallStatus": "ringing"}, about | {"CallStatus": "in-progress"}
    document = yield Ask(f"{PUBLIC}/twilio/call", ringing)
    menu = _found(_GATHER, document)
    document = yield Ask(menu[1], talking | {"msg": "Gather End", "Digits": "1"})
    while (queue := _ENQUEUE.search(document)) is not None:
        place = {"QueueSid": f"QU{1:032x}", "QueueTime": "0"}
        at_wait = place | {"QueuePosition": "1", "CurrentQueueSize": "1", "AvgQueueTime": "0"}
        music = yield Ask(queue[2], talking | at_wait)
        if "<Leave" in music:
            document = yield Ask(queue[1], talking | place | {"QueueResult": "leave"})
            continue
        released = yield Released(sid)
        # Twilio asks both, the queue's action for information.
        yield Ask(queue[1], talking | place | {"QueueResult": "redirected"})
        document = yield Ask(released, talking)
    dial, phone = _found(_DIAL, document), _found(_PHONE, document)
    leg = f"CA{(1 << 100) + serial:032x}"
    yield Ask(phone[1], about | {"CallSid": leg, "ParentCallSid": sid, "CallStatus": "in-progress"})
    talked = {"DialCallStatus": "completed", "DialCallSid": leg, "DialBridged": "true"}
    yield Ask(dial[1], talking | talked | {"DialCallDuration": "1"})
    yield Ask(f"{PUBLIC}/twilio/status", about | {"CallStatus": "completed", "CallDuration": "3"})


def _about(sid: str, serial: int) -> dict[str, str]:
    """What Twilio says with every request (its "TwiML for Programmable Voice")."""
    caller = f"+86{13_800_000_000 + serial}"
    places = {
        f"{side}{kind}": value
        for side in ("From", "To", "Caller", "Called")
        for kind, value in (("Country", "CN"), ("State", ""), ("City", ""), ("Zip", ""))
    }
    return places | {
        "CallSid": sid,
        "AccountSid": ACCOUNT_SID,
        "From": caller,
        "Caller": caller,
        "To": NUMBER,
        "Called": NUMBER,
        "ApiVersion": "2010-04-01",
        "Direction": "inbound",
    }


def _found(pattern: re.Pattern[str], document: str) -> re.Match[str]:
    match = pattern.search(document)
    if match is None:
        raise RuntimeError(f"a call went astray: {document}")
    return match


def one_question(serial: int) -> Call:
    """To who answers the same to everything: a call's first webhook, eight times."""
    about = _about(f"CA{serial:032x}", serial) | {"CallStatus": "ringing"}
    for _ in range(8):
        yield Ask(f"{PUBLIC}/twilio/call", about)


class Requests:
    """Requests as Twilio signs them."""

    def __init__(self) -> None:
        self._validator = RequestValidator(AUTH_TOKEN)

    def written(self, ask: Ask) -> bytes:
        body = urlencode(ask.form).encode()
        signature = self._validator.compute_signature(ask.address, ask.form)
        return (
            f"POST {ask.address.removeprefix(PUBLIC)} HTTP/1.1\r\n"
            "Host: ivr.example.cn\r\nX-Forwarded-Proto: https\r\nUser-Agent: TwilioProxy/1.1\r\n"
            "Accept: */*\r\nContent-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
            f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class Line:
    """A connection, for one request at a time. `closed`: by the server, after what it answered."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.closed = False

    def answer(self) -> str | None:
        """The body of what is answered, once it is whole."""
        got = self.socket.recv(65_536)
        if not got:
            raise RuntimeError("the server closed a connection")
        self._received += got
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not end or len(body) < (int(length[1]) if length else 0):
            return None
        if head.split(b" ", 2)[1] not in (b"200", b"204"):
            raise RuntimeError(f"the server answers {head.decode()}")
        self._received = b""
        self.closed = b"connection: close" in head.lower()
        return body.decode()


class Load:
    """Callers, so many at a time. Returned times are seconds from when a request was due to its
    answer, sorted.

    :param calls: what callers do, one after the other.
    :param released: tells the id of a call that is sent on, and the address it is sent to.
    """

    def __init__(
        self, port: int, calls: Iterator[Call], callers: int, released: Pipe | None = None
    ) -> None:
        self._port = port
        self._calls = calls
        self._callers = callers
        self._requests = Requests()
        self._selector = selectors.DefaultSelector()
        self._idle: list[Line] = []
        self._ready: deque[tuple[Call, Ask]] = deque()
        self._parked: dict[str, Call] = {}
        self._sent_on: dict[str, str] = {}
        self._alive = self._under_way = 0
        self._times: list[float] = []
        if released is not None:
            self._selector.register(released, selectors.EVENT_READ, released)

    def saturate(self, seconds: float) -> float:
        """Answers a second, while every caller goes on at once."""
        self._times.clear()
        began = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            while self._alive < self._callers:
                self._begin()
            while self._ready:
                self._ask(now)
            self._look(0.1)
        answers = len(self._times) / (time.perf_counter() - began)
        self._finish()
        return answers

    def offer(self, rate: float, seconds: float) -> list[float]:
        """Each answer's time, while `rate` requests are due a second whether or not earlier ones
        are answered."""
        self._times.clear()
        began = time.perf_counter()
        for number in range(round(rate * seconds)):
            due = began + number / rate
            while (left := due - time.perf_counter()) > 0:
                # The selector counts in milliseconds.
                self._look(max(0.0, left - 0.001))
            if self._alive < self._callers or not self._ready:
                self._begin()
            self._ask(due)
        while self._under_way:
            self._look(1.0)
        times = sorted(self._times)
        self._finish()
        return times

    def _finish(self) -> None:
        """Every call to its end, every connection closed: the server would do so while nobody
        asks."""
        while self._alive:
            while self._ready:
                self._ask(time.perf_counter())
            self._look(1.0)
        while self._idle:
            self._idle.pop().socket.close()

    def _begin(self) -> None:
        self._alive += 1
        self._go_on(next(self._calls), None)

    def _ask(self, due: float) -> None:
        call, ask = self._ready.popleft()
        line = self._idle.pop() if self._idle else Line(self._port)
        line.socket.sendall(self._requests.written(ask))
        self._selector.register(line.socket, selectors.EVENT_READ, (line, call, due))
        self._under_way += 1

    def _look(self, seconds: float) -> None:
        """Take what is answered within so many seconds."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Pipe):
                self._send_on(*key.data.recv())
                continue
            line, call, due = key.data
            body = line.answer()
            if body is not None:
                self._times.append(time.perf_counter() - due)
                self._selector.unregister(line.socket)
                if line.closed:
                    line.socket.close()
                else:
                    self._idle.append(line)
                self._under_way -= 1
                self._go_on(call, body)

    def _send_on(self, sid: str, address: str) -> None:
        call = self._parked.pop(sid, None)
        if call is None:
            self._sent_on[sid] = address
        else:
            self._go_on(call, address)

    def _go_on(self, call: Call, told: str | None) -> None:
        try:
            # A generator that has not begun takes nothing but None.
            wanted = call.send(told)  # type: ignore[arg-type]
        except StopIteration:
            self._alive -= 1
            return
        if isinstance(wanted, Ask):
            self._ready.append((call, wanted))
        elif wanted.sid in self._sent_on:
            self._go_on(call, self._sent_on.pop(wanted.sid))
        else:
            self._parked[wanted.sid] = call
