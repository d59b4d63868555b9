"""The manager interface (AMI): events of all channels, and the few actions we take.

On pyst2's `Manager`, with these mended: it reads its socket a byte at a time, waits for a
response without limit, gives a response to whoever asked last (not to whom the ActionID names),
stops hearing for good when a caller is named "status will follow" or a callback raises, crashes
on `ChanVariable`, and lets a line end in a value start another action.

Protocol: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from asterisk.manager import EOL, Manager, ManagerException, ManagerMsg, ManagerSocketException
from asterisk.manager import Event as ManagerEvent

log = structlog.get_logger()

RESPONSE_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
PING_SECONDS = 15.0
"""A connection that is silent for so long is asked for a sign of life."""
LONGEST_GREETING = 200
UP = "6"
"""AST_STATE_UP of a channel: it has been answered."""
END_OF_MESSAGE = b"\r\n\r\n"

Headers = Mapping[str, str]
OnEvent = Callable[[Headers], None]


@dataclass(frozen=True, slots=True)
class LiveChannel:
    """A channel by its unique id's owner: `call_id` is the caller's, `bridged` whether it talks
    with another, `up` whether it has been answered."""

    name: str
    call_id: str
    bridged: bool
    up: bool


class Unsafe(ManagerException):  # type: ignore[misc]
    """A value with a line end in it, which would start another header or action."""


class NotPlaced(ManagerException):  # type: ignore[misc]
    """Asterisk was not asked for a call, or refuses it: nothing rings."""


class Session(Manager):  # type: ignore[misc]
    """One connection to AMI, used once. Any thread may send; `ended` is set when it is over."""

    def __init__(self, on_message: Callable[[ManagerEvent], None]) -> None:
        super().__init__()
        self._on_message = on_message
        self._socket: socket.socket | None = None
        self._sending = threading.Lock()
        self._answers: dict[str, queue.SimpleQueue[ManagerMsg | None]] = {}
        self.ended = threading.Event()

    def __del__(self) -> None:
        """pyst2 would log off here, and wait."""

    def connect(self, host: str, port: int = 5038) -> None:
        try:
            self._socket = socket.create_connection((host, port), RESPONSE_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            greeting = bytearray()
            while not greeting.endswith(EOL.encode()) and len(greeting) < LONGEST_GREETING:
                greeting += self._socket.recv(1) or EOL.encode()
            self._socket.settimeout(PING_SECONDS)
        except OSError as error:
            self.close()
            raise ManagerSocketException(error.errno, str(error)) from error
        if not greeting.startswith(b"Asterisk Call Manager/"):
            self.close()
            raise ManagerException("whatever answers there isn't Asterisk's manager")
        self._connected.set()
        threading.Thread(
            target=self._receive, args=[self._socket], name="ami-reader", daemon=True
        ).start()

    def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def send_action(self, cdict: dict[str, Any] | None = None, **kwargs: Any) -> ManagerMsg:
        """Send an action, wait for its own response.

        :raises ManagerSocketException: not connected, or no answer in `RESPONSE_SECONDS`.
        """
        action = {"ActionID": str(self.next_seq()), **(cdict or {}), **kwargs}
        action_id = str(action["ActionID"])
        answer: queue.SimpleQueue[ManagerMsg | None] = queue.SimpleQueue()
        self._answers[action_id] = answer
        try:
            self.send_only(action)
            message = answer.get(timeout=RESPONSE_SECONDS)
        except queue.Empty:
            message = None
        finally:
            del self._answers[action_id]
        if message is None:
            raise ManagerSocketException(0, "no response")
        return message

    def send_only(self, action: Mapping[str, object]) -> None:
        """Send an action and wait for nothing."""
        lines = []
        for name, value in action.items():
            line = f"{name}: {value}"
            if any(end in line for end in "\r\n\0"):
                raise Unsafe(f"a line end in the value of {name}")
            lines.append(line)
        text = "\r\n".join(lines) + "\r\n\r\n"
        if self._socket is None or not self._connected.is_set():
            raise ManagerSocketException(0, "not connected")
        try:
            with self._sending:
                self._socket.sendall(text.encode("utf-8", "replace"))
        except OSError as error:
            self.close()
            raise ManagerSocketException(error.errno, str(error)) from error

    def _receive(self, connection: socket.socket) -> None:
        received = bytearray()
        pinged = False
        while True:
            try:
                more = connection.recv(65_536)
            except TimeoutError:
                if pinged:
                    break
                pinged = True
                with contextlib.suppress(ManagerException):
                    self.send_only({"Action": "Ping"})
                continue
            except OSError:
                break
            if not more:
                break
            pinged = False
            received += more
            *messages, rest = received.split(END_OF_MESSAGE)
            received = rest
            for message in messages:
                self._tell(_message(message.decode("utf-8", "replace")))
        self._connected.clear()
        self.close()
        for answer in list(self._answers.values()):
            answer.put(None)
        self.ended.set()

    def _tell(self, message: ManagerMsg) -> None:
        # An event may have a header Response, too.
        if message.has_header("Event"):
            self._on_message(ManagerEvent(message))
        elif message.has_header("Response"):
            answer = self._answers.get(message.get_header("ActionID", ""))
            if answer is not None:
                answer.put(message)


def _message(text: str) -> ManagerMsg:
    """pyst2's message, without the headers at which its parser crashes."""
    lines = [line + EOL for line in text.split(EOL)]
    return ManagerMsg([line for line in lines if "ChanVariable" not in line.partition(":")[0]])


class Ami:
    """Stays connected to one Asterisk's manager from `start()` to `stop()`.

    Register callbacks before `start()`. They run one after the other in one thread of their
    own, may send and wait, and one that raises is logged and harms nobody.
    """

    def __init__(self, address: tuple[str, int], user: str, secret: str) -> None:
        self._address = address
        self._user = user
        self._secret = secret
        self._handlers: dict[str, list[OnEvent]] = {}
        self._lists: dict[str, queue.SimpleQueue[Headers]] = {}
        self._list_ids = itertools.count(1)
        self._events: queue.SimpleQueue[Headers | None] = queue.SimpleQueue()
        self._session: Session | None = None
        self._logging_in = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._stay_connected, name="ami", daemon=True),
            threading.Thread(target=self._dispatch, name="ami-events", daemon=True),
        ]

    def on_event(self, name: str, handler: OnEvent) -> None:
        """Call `handler` with the headers of each event `name`. `FullyBooted` comes after each
        connect and reconnect, as soon as Asterisk is ready: reconcile then."""
        self._handlers.setdefault(name, []).append(handler)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._session is not None:
            self._session.close()
        self._threads[0].join()
        self._events.put(None)
        if threading.current_thread() is not self._threads[1]:
            self._threads[1].join()

    @property
    def connected(self) -> bool:
        return self._session is not None

    def play_digit(self, channel: str, digit: str) -> None:
        """Have `channel` receive a key, as if its telephone had sent it. Only a hint: waits for
        nothing, and does nothing while disconnected."""
        self._send_only(
            {"Action": "PlayDTMF", "Channel": channel, "Digit": digit, "Receive": "true"}
        )

    def variable(self, channel: str, name: str) -> str:
        """A variable of `channel`, "" where it isn't set. Raises ManagerException."""
        action = {"Action": "Getvar", "Channel": channel, "Variable": name}
        return str(self._connected_session().send_action(action).get_header("Value") or "")

    def originate(
        self,
        unique_id: str,
        channel: str,
        context: str,
        seconds: int,
        extension: str = "s",
        **variables: object,
    ) -> None:
        """Ask for a call: `channel` rings for so long, whoever picks up is in the dialplan's
        `context`, at its `extension`. What comes of it is told by the event OriginateResponse,
        whose ActionID is `unique_id`, which the call has, too; asked again while it lives, there
        is no second one.

        Takes the right to write `originate`.

        :raises NotPlaced: nothing rings. Any other ManagerException: nobody knows.
        """
        session = self._session
        if session is None:
            raise NotPlaced("Asterisk can't be reached: is it running?")
        answer = session.send_action(
            {
                "Action": "Originate",
                "ActionID": unique_id,
                "ChannelId": unique_id,
                "Channel": channel,
                "Context": context,
                "Exten": extension,
                "Priority": 1,
                "Timeout": seconds * 1000,
                "Async": "true",
                "Variable": ",".join(f"{name}={value}" for name, value in variables.items()),
            }
        )
        if answer.get_header("Response") != "Success":
            raise NotPlaced(f"Asterisk refuses it: {answer.get_header('Message')}")

    def hang_up(self, channel: str) -> None:
        """End a call, by its channel's name or unique id. Only a hint, as `play_digit`."""
        self._send_only({"Action": "Hangup", "Channel": channel})

    def redirect(self, channel: str, context: str, extension: str) -> None:
        """Take a channel out of where it is, into the dialplan. Raises ManagerException."""
        action = {
            "Action": "Redirect",
            "Channel": channel,
            "Context": context,
            "Exten": extension,
            "Priority": 1,
        }
        answer = self._connected_session().send_action(action)
        if answer.get_header("Response") != "Success":
            raise ManagerException(f"not redirected: {answer.get_header('Message')}")

    def kick(self, room: str, channel: str = "all") -> None:
        """Put somebody, or everybody, out of a conference. Only a hint."""
        self._send_only({"Action": "ConfbridgeKick", "Conference": room, "Channel": channel})

    def channels(self) -> dict[str, LiveChannel]:
        """All live channels by their unique ids.

        Takes the right to write `reporting`.

        :raises ManagerException: not connected, not allowed, or Asterisk doesn't answer; then
            nothing is known about them.
        """
        session = self._connected_session()
        list_id = f"list-{next(self._list_ids)}"
        entries: queue.SimpleQueue[Headers] = queue.SimpleQueue()
        self._lists[list_id] = entries
        found: dict[str, LiveChannel] = {}
        try:
            response = session.send_action({"Action": "CoreShowChannels", "ActionID": list_id})
            if response.get_header("Response") != "Success":
                raise ManagerException(f"no list of channels: {response.get_header('Message')}")
            while True:
                entry = entries.get(timeout=RESPONSE_SECONDS)
                if entry["Event"] == "CoreShowChannelsComplete":
                    return found
                found[entry["Uniqueid"]] = LiveChannel(
                    entry["Channel"],
                    entry.get("Linkedid", ""),
                    bool(entry.get("BridgeId")),
                    entry.get("ChannelState") == UP,
                )
        except queue.Empty:
            raise ManagerSocketException(0, "no list of channels") from None
        finally:
            del self._lists[list_id]

    def _connected_session(self) -> Session:
        session = self._session
        if session is None:
            raise ManagerSocketException(0, "not connected")
        return session

    def _send_only(self, action: Mapping[str, object]) -> None:
        session = self._session
        if session is not None:
            with contextlib.suppress(ManagerSocketException):
                session.send_only(action)

    def _stay_connected(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        told = False
        while not self._stopping.is_set():
            session = Session(self._received)
            try:
                session.connect(*self._address)
                with self._logging_in:
                    session.login(self._user, self._secret)
                    self._session = session
            except ManagerException as error:
                session.close()
                if not told:
                    log.error("ami_unreachable", address=self._address, reason=str(error))
                    told = True
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            log.info("ami_connected", address=self._address)
            pause, told = FIRST_PAUSE_SECONDS, False
            if self._stopping.is_set():
                session.close()
            session.ended.wait()
            self._session = None
            if not self._stopping.is_set():
                log.error("ami_lost", address=self._address)

    def _received(self, event: ManagerEvent) -> None:
        headers: Headers = event.headers
        listed = self._lists.get(headers.get("ActionID", ""))
        if listed is not None:
            listed.put(headers)
        elif event.name in self._handlers:
            self._events.put(headers)

    def _dispatch(self) -> None:
        while (headers := self._events.get()) is not None:
            # FullyBooted comes on the heels of the login: its handlers may send.
            with self._logging_in:
                pass
            for handler in self._handlers[headers["Event"]]:
                try:
                    handler(headers)
                except Exception:
                    log.exception("ami_handler_failed", event_name=headers["Event"])
