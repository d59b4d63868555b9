"""Twilio's webhooks, each answered with the TwiML of what comes next.

Only the store decides: a turn that has moved on answers with what stands now, so a webhook that is
repeated, late or overtaken by another moves nothing. What is kept here beside it is a help: the
same question gets the very same words again, and the order is told what Twilio tells in pieces.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from callflows import speech
from callflows.events import (
    ConferenceEnded,
    DialEnded,
    DialResult,
    Event,
    RecordingFinished,
    ReservationNoticed,
)
from callflows.verbs import Confer, Dial, Hold, Record, Say, Verb
from config.database import StoreUnavailable
from ivr import messages
from ivr.controller import Controller
from ivr.order_events import Note
from ivr.pending import OfferedCall, Pending, StaleTurn
from ivr.sessions import CallRow
from ivr.twilio import forms
from ivr.twilio.forms import BadForm, Form
from ivr.twilio.twiml import Phone, Twiml, hang_up, leave, nothing

CARRIER = "twilio"
KEPT = 10_000
MOST_PHONES = 10

K = TypeVar("K")
V = TypeVar("V")


class Provisions(Protocol):
    """What performing needs of the house."""

    def access_number(self, number: str) -> str:
        """Ours that a number of Twilio's stands for."""

    def phones(self, dial: Dial) -> Sequence[Phone]:
        """Every telephone that Twilio reaches of those a Dial rings."""

    def whisper(self, call_id: str, order_no: str) -> Say:
        """Who calls about what, for a counselor who has picked up."""

    def accept_words(self) -> Say:
        """How to accept, for whoever picked up outside."""

    def lost(self, call_id: str, offer_id: str) -> str | None:
        """Whose browser was lost, where the talk of an offer has ended; None: nobody's."""

    def recording_made(self, recording_sid: str, reference: str, at: datetime) -> None:
        """A message is at Twilio's and is to be fetched. Raises StoreUnavailable."""


class Meeting(NamedTuple):
    """When a counselor who has picked up meets the caller."""

    at: datetime
    call_id: str
    who: str


class Recent(OrderedDict[K, V]):
    """Keeps the last KEPT that were put in."""

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > KEPT:
            self.popitem(last=False)


class Calls:
    """Answers for one engine. Every method may raise StoreUnavailable: then Twilio must be told
    that we failed, for its fallback serves the caller.

    :param now: gives the aware UTC time.
    """

    def __init__(
        self, controller: Controller, provisions: Provisions, twiml: Twiml,
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._controller = controller
        self._provisions = provisions
        self._twiml = twiml
        self._now = now
        self._answers: Recent[tuple[str, int], str] = Recent()
        self._meetings: list[Meeting] = []
        self._lines: Recent[str, datetime] = Recent()
        """When a sister line or a duty phone began to talk with a caller: of a Dial that the
        caller leaves Twilio may tell nothing."""
        self._failed: Recent[str, None] = Recent()
        """Calls whose last question was answered with an error: the number's fallback serves
        them, and their orders shall say so."""
        self._answering = threading.Lock()

    def began(self, form: Form) -> str:
        """A call has come in."""
        return self._document(self._controller.offered_once(self._call(form), self._now()))

    def turn(self, turn: int, form: Form) -> str:
        """The turn's last verb is over."""
        call = call_id(form)

        def hear(last: Verb, reserved: bool) -> Event | None:
            if isinstance(last, Hold):
                waited = forms.seconds(form, "QueueTime")
                return forms.out_of_queue(last, waited, reserved, self._now())
            event = forms.event_of(last, form, messages.reference(call, turn), self._now())
            if lost is not None and isinstance(event, DialEnded):
                return replace(event, result=DialResult.LOST, answered_by=lost)
            return event

        lost = None
        if form.get("RecordingSid"):
            sid, reference = forms.recording_sid(form), messages.reference(call, turn)
            self._provisions.recording_made(sid, reference, self._now())
        if form.get("DialCallStatus"):
            self._dial_over(call, forms.dial_result(form))
            if form.get("CallStatus") in forms.ENDED:
                self._left_dial(call, turn, form)
                return nothing()
            lost = self._lost(call, turn, form)
        pending = self._heard(call, turn, hear)
        if isinstance(pending, Pending) and pending.turn == turn:
            # Still to wait, and Twilio's queue has let the caller go: it is full, or failed.
            if form.get("QueueResult") == "hangup":
                return nothing()
            return self._twiml.wait_alone(turn, forms.seconds(form, "QueueTime"))
        return self._answered(call, turn, pending)

    def key(self, turn: int, form: Form) -> str:
        """A key was pressed while the turn's words were spoken."""
        pending = self._pressed(turn, form)
        if isinstance(pending, Pending) and pending.turn == turn:
            return self._document(pending, silent=True)
        return self._answered(call_id(form), turn, pending)

    def key_in_queue(self, turn: int, form: Form) -> str:
        """The same in the queue."""
        pending = self._pressed(turn, form)
        if isinstance(pending, Pending) and pending.turn == turn:
            return self._twiml.wait(turn, 0)
        self._answered(call_id(form), turn, pending)
        return leave()

    def wait(self, turn: int, form: Form) -> str:
        """What is heard in the queue next; out of it, where the wait is over or a key ends it."""
        return self._waiting(turn, form, forms.seconds(form, "QueueTime"), alone=False)

    def wait_alone(self, turn: int, waited: int, form: Form) -> str:
        """The same for whom Twilio's queue had no place: there is nothing to leave."""
        return self._waiting(turn, form, waited, alone=True)

    def reserved(self, turn: int, form: Form) -> str:
        """The caller was sent here out of the queue: somebody is reserved."""

        def hear(last: Verb, reserved: bool) -> Event | None:
            return ReservationNoticed(self._now()) if isinstance(last, Hold) and reserved else None

        call = call_id(form)
        return self._answered(call, turn, self._heard(call, turn, hear))

    def out_of_conference(self, turn: int, alone: bool, form: Form) -> str:
        """The caller was sent here out of a conference."""

        def hear(last: Verb, _reserved: bool) -> Event | None:
            return ConferenceEnded(self._now(), alone) if isinstance(last, Confer) else None

        call = call_id(form)
        return self._answered(call, turn, self._heard(call, turn, hear))

    def picked_up(self, turn: int, kind: str, who: str, form: Form) -> str:
        """Somebody who was rung has picked up, and doesn't hear the caller yet."""
        call, phone = self._rung(turn, kind, who, form)
        if phone is None:
            return hang_up()
        if phone.must_accept:
            return self._twiml.accept(turn, phone, self._provisions.accept_words())
        return self._accepted(call, phone)

    def line_answered(self, turn: int, kind: str, who: str, form: Form) -> None:
        """A sister line has picked up and talks with the caller."""
        call, phone = self._rung(turn, kind, who, form)
        if phone is not None:
            self._line_talks(call.call_id)

    def accepted(self, turn: int, kind: str, who: str, form: Form) -> str:
        """Who picked up outside has pressed a key."""
        call, phone = self._rung(turn, kind, who, form)
        if phone is None or forms.keys(form) != "1":
            return hang_up()
        return self._accepted(call, phone)

    def met(self) -> None:
        """Time has passed: who has heard what is said to them before it has met the caller by
        now. Twilio tells nobody of that moment. A caller who is gone by then was not answered."""
        now = self._now()
        with self._answering:
            due = [meeting for meeting in self._meetings if meeting.at <= now]
            self._meetings = [meeting for meeting in self._meetings if meeting.at > now]
        for number, meeting in enumerate(due):
            try:
                self._controller.answered_by(meeting.call_id, meeting.who, meeting.at)
            except StoreUnavailable:
                with self._answering:
                    self._meetings += due[number:]
                raise

    def failed(self, form: Form) -> None:
        """What comes next in a call was answered with an error."""
        with self._answering:
            self._failed[f"{CARRIER}-{form.get('CallSid', '')}"] = None

    def message_found(self, call: CallRow, recording_sid: str, seconds: int) -> None:
        """A call is over, and of its message nobody told us: it was in `call`'s turn."""
        reference, now = messages.reference(call.call_id, call.turn), self._now()
        self._provisions.recording_made(recording_sid, reference, now)
        finished = RecordingFinished(now, reference, seconds, None, hung_up=True)
        self._controller.heard(
            call.call_id, call.turn, lambda last, _: finished if isinstance(last, Record) else None
        )

    def talks(self, call: CallRow, address: str, since: datetime) -> None:
        """Somebody at `address` has talked with a call since then, as Twilio tells."""
        standing = self._controller.standing(call.call_id)
        last = standing.verbs[-1] if standing is not None and standing.verbs else None
        if isinstance(last, Dial) and last.kind == "offer":
            who = next((p.who for p in self._phones(last) if p.called == address), None)
            if who is not None:
                self._controller.answered_by(call.call_id, who, since)

    def status(self, form: Form) -> None:
        """What Twilio says of a call by itself."""
        call = call_id(form)
        if form.get("CallStatus") not in forms.ENDED:
            return
        standing = self._controller.standing(call)
        if standing is not None and isinstance(standing.verbs[-1], Record):
            # The message itself ends the call: its own request may come after this one. If it
            # never does, the call is found over later.
            return
        with self._answering:
            left_to_fallback = call in self._failed
        if left_to_fallback or not self._gone(call, standing):
            # The number's fallback served it while we could not.
            served = Note("last_resort", CARRIER, {})
            self._controller.served_without_us(self._call(form), self._now(), None, [served])

    def _gone(self, call: str, standing: Pending | None) -> bool:
        try:
            return self._hung_up(call, standing)
        except StaleTurn:  # another engine moved it at this moment
            return self._hung_up(call, self._controller.standing(call))

    def _hung_up(self, call: str, standing: Pending | None) -> bool:
        last = standing.verbs[-1] if standing and standing.verbs else None
        if standing is None or not (isinstance(last, Dial) and last.kind == "directory"):
            return self._controller.hung_up(call, self._now())
        with self._answering:
            since = self._lines.pop(call, None)
        result = DialResult.ANSWERED if since else DialResult.ABANDONED
        talked = int((self._now() - since).total_seconds()) if since else 0
        return self._controller.hung_up(call, self._now(), result, standing.verbs_turn, talked)

    def _line_talks(self, call_id: str) -> None:
        with self._answering:
            self._lines[call_id] = self._now()

    def _dial_over(self, call: str, result: DialResult) -> None:
        """Whoever was bridged has met the caller, however short the talk was; nobody else will."""
        with self._answering:
            met = [meeting for meeting in self._meetings if meeting.call_id == call]
            self._meetings = [meeting for meeting in self._meetings if meeting.call_id != call]
        if result is DialResult.ANSWERED:
            for meeting in met:
                self._controller.answered_by(call, meeting.who, min(meeting.at, self._now()))

    def _lost(self, call: str, turn: int, form: Form) -> str | None:
        """Whose browser was lost in a talk whose caller is still there."""
        standing = self._controller.standing(call)
        last = standing.verbs[-1] if standing is not None and standing.turn == turn else None
        talked = forms.dial_result(form) is DialResult.ANSWERED
        if not (talked and isinstance(last, Dial) and last.kind == "offer"):
            return None
        return self._provisions.lost(call, last.target)

    def _left_dial(self, call: str, turn: int, form: Form) -> None:
        """The caller was gone when the Dial ended: whoever rang in vain is not to blame."""
        result = forms.dial_result(form)
        if result is not DialResult.ANSWERED:
            result = DialResult.ABANDONED
        talked = forms.seconds(form, "DialCallDuration")
        self._controller.hung_up(call, self._now(), result, turn, talked)

    def _call(self, form: Form) -> OfferedCall:
        return OfferedCall(
            call_id=call_id(form),
            carrier=CARRIER,
            channel=forms.call_sid(form),
            access_number=self._provisions.access_number(form.get("To", "")),
            caller_id=forms.caller_number(form),
        )

    def _accepted(self, call: Pending, phone: Phone) -> str:
        if not phone.counselor:
            self._line_talks(call.call_id)
            return nothing()
        words = self._provisions.whisper(call.call_id, call.order_no)
        seconds = speech.seconds(words.text, words.language)
        meeting = Meeting(self._now() + timedelta(seconds=seconds), call.call_id, phone.who)
        with self._answering:
            self._meetings.append(meeting)
        return self._twiml.whisper(words)

    def _rung(self, turn: int, kind: str, who: str, form: Form) -> tuple[Pending, Phone | None]:
        """The call that this leg is of, and the telephone it rings; None where it rings no more."""
        parent = form.get("ParentCallSid", "")
        pending = self._controller.standing(call_id({"CallSid": parent}))
        if pending is None:
            raise BadForm("ParentCallSid")
        last = pending.verbs[-1]
        if pending.turn != turn or not isinstance(last, Dial):
            return pending, None
        rung = (phone for phone in self._phones(last) if (phone.kind, phone.who) == (kind, who))
        return pending, next(rung, None)

    def _phones(self, dial: Dial) -> Sequence[Phone]:
        """Whom a Dial rings. The first to pick up silences all others, so a mobile, whose
        voicemail may be the first, rings only where nobody else does; and Twilio rings ten at the
        most ("TwiML Voice: Dial")."""
        phones = self._provisions.phones(dial)
        sure = [phone for phone in phones if not phone.must_accept]
        return (sure or phones)[:MOST_PHONES]

    def _waiting(self, turn: int, form: Form, waited: int, *, alone: bool) -> str:
        def hear(last: Verb, reserved: bool) -> Event | None:
            if not isinstance(last, Hold):
                raise BadForm("nobody waits in this turn")
            return forms.key_while_waiting(
                last, forms.keys(form), self._now()
            ) or forms.out_of_queue(last, waited, reserved, self._now())

        call = call_id(form)
        pending = self._heard(call, turn, hear)
        if isinstance(pending, Pending) and pending.turn == turn:
            if waited == 0 and any(isinstance(verb, Say) for verb in pending.verbs) and not alone:
                return self._twiml.words(pending)
            return (self._twiml.wait_alone if alone else self._twiml.wait)(turn, waited)
        answer = self._answered(call, turn, pending)
        return answer if alone else leave()

    def _pressed(self, turn: int, form: Form) -> Pending | str:
        return self._heard(
            call_id(form),
            turn,
            lambda last, _reserved: forms.key_pressed(last, forms.keys(form), self._now()),
        )

    def _heard(
        self, call: str, turn: int, hear: Callable[[Verb, bool], Event | None]
    ) -> Pending | str:
        """What the call is to do now; for a turn that is past, what was answered to it."""
        try:
            return self._controller.heard(call, turn, hear)
        except StaleTurn:
            with self._answering:
                answer = self._answers.get((call, turn))
            if answer is not None:
                return answer
            standing = self._controller.standing(call)
            if standing is None:
                raise BadForm("CallSid") from None
            return self._document(standing)

    def _answered(self, call: str, turn: int, now: Pending | str) -> str:
        answer = now if isinstance(now, str) else self._document(now)
        if isinstance(now, Pending) and now.turn == turn:
            return answer  # it isn't over: something else will be answered to it
        with self._answering:
            return self._answers.setdefault((call, turn), answer)

    def _document(self, pending: Pending, silent: bool = False) -> str:
        """TwiML for what stands. What nobody reached by Twilio can answer is over at once, and
        its words, which promise somebody, are not spoken."""
        while True:
            if not pending.verbs:
                return hang_up()  # the call is over
            last = pending.verbs[-1]
            if not isinstance(last, Dial):
                with self._answering:
                    self._failed.pop(pending.call_id, None)
                return self._twiml.turn(pending, (), silent)
            phones = self._phones(last)
            if phones:
                return self._twiml.turn(pending, phones, silent)
            event = DialEnded(self._now(), DialResult.UNREACHABLE)
            try:
                pending = self._controller.advanced(pending.call_id, pending.turn, event)
            except StaleTurn:  # another request was first
                pending = self._controller.standing(pending.call_id) or pending


def call_id(form: Mapping[str, str]) -> str:
    """Raises BadForm."""
    return f"{CARRIER}-{forms.call_sid(form)}"
