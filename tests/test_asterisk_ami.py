"""The manager connection against a small Asterisk of our own that drops it at will."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator, Mapping

import pytest
from asterisk.manager import ManagerException

from ivr.asterisk.ami import Ami, LiveChannel, Unsafe
from ivr.asterisk.waker import Waker

pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
BOOTED = "Event: FullyBooted\r\n\r\n"


class Manager(threading.Thread):
    """Answers logins and lists, keeps the other actions, says what it is told to."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._server.getsockname()
        self.actions: queue.Queue[dict[str, str]] = queue.Queue()
        self.connection: socket.socket | None = None
        self.lists_channels = True

    def run(self) -> None:
        while True:
            try:
                self.connection, _ = self._server.accept()
            except OSError:
                return
            self.connection.sendall(GREETING)
            with self.connection.makefile("rb") as lines:
                action: dict[str, str] = {}
                for line in lines:
                    name, _, value = line.decode().rstrip("\r\n").partition(": ")
                    if name:
                        action[name] = value
                    else:
                        self._act(action)
                        action = {}

    def _act(self, action: dict[str, str]) -> None:
        action_id = action.get("ActionID", "")
        if action["Action"] == "Login":
            good = action["Secret"] == "secret"
            said = "Success" if good else "Error\r\nMessage: Authentication failed"
            self.say(f"Response: {said}\r\nActionID: {action_id}\r\n\r\n" + BOOTED * good)
            if not good:
                self.actions.put(action)
        elif action["Action"] == "CoreShowChannels" and not self.lists_channels:
            denied = "Message: Permission denied"
            self.say(f"Response: Error\r\nActionID: {action_id}\r\n{denied}\r\n\r\n")
        elif action["Action"] == "CoreShowChannels":
            self.say(f"Response: Success\r\nActionID: {action_id}\r\n\r\n")
            for name, unique_id, state in (("PJSIP/a-01", "1.1", 6), ("PJSIP/b-02", "1.2", 5)):
                self.say(
                    f"Event: CoreShowChannel\r\nActionID: {action_id}\r\n"
                    f"Channel: {name}\r\nUniqueid: {unique_id}\r\nLinkedid: 1.1\r\n"
                    f"BridgeId: 5d\r\nChannelState: {state}\r\n\r\n"
                )
            self.say(f"Event: CoreShowChannelsComplete\r\nActionID: {action_id}\r\n\r\n")
        elif action["Action"] == "Getvar":
            # The answers of others come first.
            self.say(f"Response: Error\r\nActionID: 0{action_id}\r\nValue: theirs\r\n\r\n")
            self.say(f"Response: Success\r\nActionID: {action_id}\r\nValue: ours\r\n\r\n")
        else:
            self.actions.put(action)

    def say(self, text: str) -> None:
        assert self.connection is not None
        self.connection.sendall(text.encode())

    def drop(self) -> None:
        assert self.connection is not None
        self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    asterisk = Manager()
    asterisk.start()
    yield asterisk
    asterisk.close()


class Heard:
    """The events an Ami was told, to be waited for."""

    def __init__(self, ami: Ami, *names: str) -> None:
        self._events: queue.Queue[Mapping[str, str]] = queue.Queue()
        for name in names:
            ami.on_event(name, self._events.put)

    def next(self) -> Mapping[str, str]:
        return self._events.get(timeout=10)


@pytest.fixture
def ami(manager: Manager) -> Iterator[Ami]:
    connected = Ami(manager.address, "engine", "secret")
    yield connected
    connected.stop()


@pytest.fixture
def heard(ami: Ami) -> Heard:
    heard = Heard(ami, "FullyBooted", "Hangup")
    ami.start()
    assert heard.next()["Event"] == "FullyBooted"
    return heard


def test_a_lost_connection_comes_back_and_says_so(manager: Manager, ami: Ami, heard: Heard) -> None:
    for _ in range(3):
        manager.drop()
        assert heard.next()["Event"] == "FullyBooted"
    assert ami.connected
    assert sum(thread.name.startswith("ami") for thread in threading.enumerate()) == 3


def test_it_waits_for_an_asterisk_that_is_not_there_yet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = nobody.getsockname()
    ami = Ami(address, "engine", "secret")
    ami.start()
    ami.play_digit("PJSIP/a-01", "D")
    with pytest.raises(ManagerException):
        ami.channels()
    ami.stop()


def test_a_wrong_secret_is_no_connection(manager: Manager) -> None:
    ami = Ami(manager.address, "engine", "wrong")
    ami.start()
    for _ in range(2):
        assert manager.actions.get(timeout=10)["Username"] == "engine"
        assert not ami.connected
    ami.stop()


def test_channels_are_listed_by_unique_id(ami: Ami, heard: Heard) -> None:
    assert ami.channels() == {
        "1.1": LiveChannel("PJSIP/a-01", "1.1", True, True),
        "1.2": LiveChannel("PJSIP/b-02", "1.1", True, False),
    }


def test_channels_that_may_not_be_listed_are_not_taken_for_none(
    manager: Manager, ami: Ami, heard: Heard
) -> None:
    manager.lists_channels = False
    with pytest.raises(ManagerException, match="Permission denied"):
        ami.channels()


def test_an_answer_goes_to_who_asked(manager: Manager, ami: Ami, heard: Heard) -> None:
    assert ami.variable("PJSIP/a-01", "ANSWERED_AT") == "ours"


def test_a_digit_is_sent_without_waiting_for_an_answer(
    manager: Manager, ami: Ami, heard: Heard
) -> None:
    ami.play_digit("PJSIP/a-01", "D")
    ami.play_digit("PJSIP/a-01", "D")
    for _ in range(2):
        assert manager.actions.get(timeout=10) == {
            "Action": "PlayDTMF", "Channel": "PJSIP/a-01", "Digit": "D", "Receive": "true",
        }  # fmt: skip


def test_a_line_end_starts_no_second_action(manager: Manager, ami: Ami, heard: Heard) -> None:
    for end in ("\r\n", "\n", "\r", "\0"):
        with pytest.raises(Unsafe):
            ami.play_digit(f"PJSIP/a-01{end}Action: Command", "D")
    ami.play_digit("PJSIP/a-01", "D")
    assert manager.actions.get(timeout=10)["Channel"] == "PJSIP/a-01"
    assert manager.actions.empty()


@pytest.mark.parametrize("name", ["status will follow", "Response: Follows", "--END COMMAND--", ""])
def test_no_callers_name_stops_the_events(manager: Manager, heard: Heard, name: str) -> None:
    for unique_id in ("1.1", "1.2"):
        manager.say(
            f"Event: Hangup\r\nCallerIDName: {name}\r\nChanVariable(x): a=b\r\n"
            f"Uniqueid: {unique_id}\r\n\r\n"
        )
    assert heard.next()["Uniqueid"] == "1.1"
    assert heard.next()["Uniqueid"] == "1.2"


def test_a_handler_that_fails_stops_no_other(manager: Manager, ami: Ami) -> None:
    def broken(headers: Mapping[str, str]) -> None:
        raise ZeroDivisionError

    ami.on_event("Hangup", broken)
    heard = Heard(ami, "FullyBooted", "Hangup")
    ami.start()
    heard.next()
    manager.say("Event: Hangup\r\nUniqueid: 1.1\r\n\r\n" * 2)
    assert heard.next()["Uniqueid"] == "1.1"
    assert heard.next()["Uniqueid"] == "1.1"


def test_a_handler_may_ask_asterisk(manager: Manager, ami: Ami) -> None:
    found: queue.Queue[dict[str, LiveChannel]] = queue.Queue()
    ami.on_event("FullyBooted", lambda headers: found.put(ami.channels()))
    ami.start()
    assert len(found.get(timeout=10)) == 2


class Keypad:
    def __init__(self) -> None:
        self.pressed: queue.Queue[tuple[str, str]] = queue.Queue()

    def play_digit(self, channel: str, digit: str) -> None:
        self.pressed.put((channel, digit))


def test_a_call_is_woken_until_its_turn_moves() -> None:
    keypad = Keypad()
    waker = Waker(keypad)
    waker.start()
    looks = [True, True, False]
    moved = threading.Event()

    def still_waiting() -> bool:
        waiting = looks.pop(0)
        if not waiting:
            moved.set()
        return waiting

    waker.wake("1.1", "PJSIP/a-01", still_waiting)
    assert moved.wait(10)
    waker.stop()
    assert [keypad.pressed.get_nowait() for _ in range(3)] == [("PJSIP/a-01", "D")] * 3
    assert keypad.pressed.empty()


def test_a_look_that_fails_stops_no_other_wake_up() -> None:
    keypad = Keypad()
    waker = Waker(keypad)
    waker.start()
    moved = threading.Event()

    def broken() -> bool:
        raise ZeroDivisionError

    def still_waiting() -> bool:
        moved.set()
        return False

    waker.wake("1.1", "PJSIP/a-01", broken)
    waker.wake("1.2", "PJSIP/b-02", still_waiting)
    assert moved.wait(10)
    waker.stop()
