"""Performs one turn's verbs on an Asterisk channel and tells what came of them.

Keys pressed between two AGI commands are lost, so a prompt and the key it asks for are one
command. The key D is no caller's: it means that somebody may be reserved, "look again".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol, assert_never

import structlog

from callflows.events import (
    ConferenceEnded,
    DialEnded,
    DialResult,
    DigitsCollected,
    Event,
    HoldEnded,
    NoInput,
    RecordingFinished,
    ReservationNoticed,
)
from callflows.verbs import (
    CRISIS_KEY,
    Answer,
    Confer,
    Dial,
    Gather,
    Hangup,
    Hold,
    Record,
    Say,
    Verb,
)
from ivr import messages
from ivr.asterisk.channel import FAILED, HUNG_UP, KICKED, Channel, ChannelGone, Recorded
from ivr.asterisk.dialling import DialReport, begin_report, dial_string, read_report
from ivr.asterisk.waker import WAKE_KEY
from ivr.pending import Pending
from ivr.talk_recordings import is_talk

log = structlog.get_logger()

LONGEST_WAIT = timedelta(seconds=5)
"""A wake-up may be lost: a waiting call looks at its reservation by itself this often."""


class Contact(Protocol):
    """One way to ring a counselor. `address` is an account's name, or `number@trunk`."""

    @property
    def counselor_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def address(self) -> str: ...


class RecordingPlace(NamedTuple):
    """Where a recording goes: the vault's reference, and a file without its `.wav`."""

    reference: str
    path: Path


class House(Protocol):
    """What performing needs of the house. Nothing here may take longer than a look-up."""

    def prompt_file(self, text: str, language: str, prompt: str) -> Path:
        """A prompt's file without its `.wav`, 8 kHz mono."""

    def reservation_waiting(self, call_id: str) -> bool: ...

    def contacts(self, call_id: str, offer_id: str) -> Sequence[Contact]: ...

    def directory_line(self, entry_id: str) -> Contact | None:
        """A directory entry; its id is the contact's. None where it was withdrawn."""

    def recording_place(self, call_id: str, verbs_turn: int) -> RecordingPlace: ...


class Performer:
    """Performs the turns of one call.

    :param now: gives the aware UTC time.
    """

    def __init__(self, channel: Channel, house: House, now: Callable[[], datetime]) -> None:
        self._channel = channel
        self._house = house
        self._now = now
        self._music = False

    def perform(self, pending: Pending) -> Event | None:
        """Perform the turn's verbs; give the event that ends it, None when it hung up.

        Raises what `Channel` raises.
        """
        if pending.resumed:
            # The dialplan plays music while no engine serves the call.
            self._music = True
            ended = self.dial_done_meanwhile(pending) or self._conference_done_meanwhile(pending)
            if ended is not None:
                return ended
        *before, last = pending.verbs
        says = [verb for verb in before if isinstance(verb, Say)]
        if any(isinstance(verb, Answer) for verb in before):
            self._channel.answer()
        match last:
            case Gather():
                return self._gather(pending, [*says, *last.says], last)
            case Hold():
                return self._announce(pending, says, last) or self._hold(pending, last)
            case Record():
                return self._announce(pending, says, last) or self._record(pending, last)
            case Dial():
                return self._announce(pending, says, last) or self._dial(pending, last)
            case Confer():
                return self._announce(pending, says, last) or self._confer(pending)
            case Hangup():
                return self._announce(pending, says, last)
            case Answer() | Say():
                raise ValueError("a turn must end in a verb that waits, or in Hangup")
            case _:
                assert_never(last)

    def _quiet(self) -> None:
        if self._music:
            self._music = False
            self._channel.set_music(False)

    def _prompts(self, says: Iterable[Say]) -> list[str]:
        """The files to play. One that is missing must not cost the caller the call."""
        found = []
        for say in says:
            path = self._house.prompt_file(say.text, say.language, say.prompt)
            if path.with_name(path.name + ".wav").exists():
                found.append(str(path))
            else:
                log.error("prompt_missing", prompt=say.prompt, language=say.language)
        return found

    def _announce(self, pending: Pending, says: list[Say], last: Verb) -> Event | None:
        """Speak; an event where a key or a reservation ended it. The keys of the Hold that
        follows count already while it is announced. Before it a reservation lets a recording notice
        end, or the talk would be recorded of whom nobody has told; the Hold looks for it at once.
        """
        if not says:
            return None
        self._quiet()
        keys = last.keys if isinstance(last, Hold) else ""
        notice = isinstance(last, Hold) and any(say.recording_notice for say in says)
        look = WAKE_KEY if isinstance(last, Hold | Record) and not notice else ""
        for prompt in self._prompts(says):
            while key := self._channel.stream_file(prompt, CRISIS_KEY + keys + look):
                if key == CRISIS_KEY:
                    return DigitsCollected(self._now(), key)
                if key in keys:
                    return HoldEnded(self._now(), "key", key)
                if self._house.reservation_waiting(pending.call_id):
                    return ReservationNoticed(self._now())
        return None

    def _gather(self, pending: Pending, says: list[Say], verb: Gather) -> Event:
        self._quiet()
        prompts = self._prompts(says)
        digits = ""
        while len(digits) < verb.max_digits:
            if prompts and not digits:
                key = self._channel.first_key(prompts, verb.timeout_seconds)
            else:
                key = self._channel.wait_for_digit(round(verb.timeout_seconds * 1000))
            if key == CRISIS_KEY:
                return DigitsCollected(self._now(), key)
            if key == WAKE_KEY:
                if self._house.reservation_waiting(pending.call_id):
                    return ReservationNoticed(self._now())
                continue
            if not key or key == verb.finish_on:
                break
            digits += key
        return DigitsCollected(self._now(), digits) if digits else NoInput(self._now())

    def _hold(self, pending: Pending, verb: Hold) -> Event:
        if not self._music or pending.resumed:
            self._channel.set_music(True)
            self._music = True
        ends = self._now() + timedelta(seconds=verb.seconds)
        while True:
            if self._house.reservation_waiting(pending.call_id):
                return ReservationNoticed(self._now())
            left = ends - self._now()
            if left <= timedelta(0):
                return HoldEnded(self._now(), "elapsed")
            wait = min(left, LONGEST_WAIT)
            key = self._channel.wait_for_digit(_milliseconds(wait))
            if key and key in verb.keys + CRISIS_KEY:
                return HoldEnded(self._now(), "key", key)

    def _record(self, pending: Pending, verb: Record) -> Event:
        """Where the channel goes, what was said is kept: most messages end by hanging up."""
        self._quiet()
        place = self._house.recording_place(pending.call_id, pending.verbs_turn)
        ends = self._now() + timedelta(seconds=verb.max_seconds)
        # What the caller said to an engine that was lost meanwhile is kept.
        before = messages.samples(place.path) if pending.resumed else 0
        recorded: Recorded | None = None
        while recorded is None or recorded.key == WAKE_KEY:
            if recorded and self._house.reservation_waiting(pending.call_id):
                return ReservationNoticed(self._now())
            recorded = self._channel.record_file(
                place.path,
                timeout=_milliseconds(ends - self._now()),
                offset=recorded.samples if recorded else before,
                beep=recorded is None,
                silence=verb.silence_seconds,
            )
        seconds = round(recorded.samples / messages.SAMPLES_A_SECOND)
        hung_up = recorded.reason == "channel_gone"
        key = recorded.key or None
        reference = place.reference if seconds else ""
        return RecordingFinished(self._now(), reference, seconds, key, hung_up)

    def _dial(self, pending: Pending, verb: Dial) -> Event:
        who = self._who(pending, verb)
        if not who:
            return DialEnded(self._now(), DialResult.UNREACHABLE)
        begin_report(self._channel, pending.verbs_turn)
        with self._recorded(pending):
            self._channel.dial(list(who), verb.ring_seconds, pending.star_counts)
        self._music = False
        report = read_report(self._channel, just_over=True)
        if report is None:
            log.error("dial_without_status", call_id=pending.call_id)
            return DialEnded(self._now(), DialResult.UNREACHABLE)
        if report.starred and pending.star_counts:
            return DigitsCollected(self._now(), CRISIS_KEY)
        return self._dial_ended(report, who, verb)

    @contextmanager
    def _recorded(self, pending: Pending) -> Iterator[None]:
        """Whoever leaves by hanging up is the dialplan's: it ends the recording, too."""
        if not _records(pending):
            yield
            return
        place = self._house.recording_place(pending.call_id, pending.verbs_turn)
        self._channel.record_talk(place.path)
        yield
        self._channel.stop_recording()

    def _confer(self, pending: Pending) -> Event:
        self._quiet()
        with self._recorded(pending):
            self._channel.confer(pending.order_no, pending.verbs_turn)
        result = self._channel.conference_result()
        if result == HUNG_UP:
            raise ChannelGone("the caller left the conference")
        return self._conference_over(pending, result)

    def _conference_over(self, pending: Pending, result: str) -> ConferenceEnded:
        if result == FAILED:
            # Whoever waits for the caller in there would wait in vain: another human is asked.
            log.error("conference_failed", call_id=pending.call_id)
            self._channel.end_conference(pending.order_no)
        return ConferenceEnded(self._now(), result in (KICKED, FAILED))

    def _conference_done_meanwhile(self, pending: Pending) -> ConferenceEnded | None:
        """A conference that another engine sent the caller to is not begun again once it is over:
        nobody would be there."""
        if not isinstance(pending.verbs[-1], Confer):
            return None
        result = self._channel.conference_result(pending.verbs_turn)
        if result in ("", HUNG_UP):
            return None
        self._end_recording(pending)
        return self._conference_over(pending, result)

    def dial_done_meanwhile(self, pending: Pending) -> DialEnded | None:
        """A resumed turn's Dial that was begun by another engine is never dialled again."""
        last = pending.verbs[-1]
        if not pending.resumed or not isinstance(last, Dial):
            return None
        report = read_report(self._channel)
        if report is None or report.verbs_turn != pending.verbs_turn:
            return None
        self._end_recording(pending)
        return self._dial_ended(report, self._who(pending, last), last)

    def _end_recording(self, pending: Pending) -> None:
        """Of a talk that another engine began."""
        if _records(pending):
            self._channel.stop_recording()

    def _who(self, pending: Pending, verb: Dial) -> dict[str, str]:
        """Whom each dial string reaches."""
        contacts: Sequence[Contact]
        if verb.kind == "directory":
            line = self._house.directory_line(verb.target)
            contacts = [line] if line is not None else []
        else:
            contacts = self._house.contacts(pending.call_id, verb.target)
        rung = {
            dial_string(contact.address, contact.kind == "outside"): contact.counselor_id
            for contact in contacts
        }
        return {text: who for text, who in rung.items() if text is not None}

    def _dial_ended(self, report: DialReport, who: Mapping[str, str], verb: Dial) -> DialEnded:
        # DIALEDPEERNUMBER is the dial string without its technology.
        answered = {text.partition("/")[2]: name for text, name in who.items()}
        by = answered.get(report.address)
        lost = report.lost and verb.kind == "offer"
        result = DialResult.LOST if lost else report.result
        return DialEnded(self._now(), result, by, report.talk_seconds)


def _records(pending: Pending) -> bool:
    return pending.recorded and is_talk(pending.verbs[-1])


def _milliseconds(wait: timedelta) -> int:
    return max(1, math.ceil(wait.total_seconds() * 1000))
