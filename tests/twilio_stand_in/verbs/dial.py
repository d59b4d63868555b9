"""Dial: rings one or several parties, connects the first that answers, reports how it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from tests.twilio_stand_in.failures import INVALID_CALLER_ID, SCHEMA_WARNING, DocumentFailed, HungUp
from tests.twilio_stand_in.interpreter import Interpreter, Source
from tests.twilio_stand_in.leg import Heard, Key, Leg
from tests.twilio_stand_in.process import Steps, Wait
from tests.twilio_stand_in.recording import Recording
from tests.twilio_stand_in.twiml import Document
from tests.twilio_stand_in.verbs.called import Answered, Ended, Noun, Ready, call, nouns
from tests.twilio_stand_in.verbs.conference import confer
from tests.twilio_stand_in.verbs.record import callback

# Number: at most ten are dialled at once.
MOST_NOUNS = 10

# Of several that failed in different ways the first of these is reported: no page says which, and
# the one that rang in vain tells the most.
UNANSWERED = ("no-answer", "busy", "failed", "canceled", "completed")


def dial(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    leg = interpreter.leg
    # Dial, answerOnBridge: as the first verb it lets the caller ring until somebody answers.
    if element.get("answerOnBridge") != "true":
        leg.answer()
    conference = element.find("Conference")
    if conference is not None:
        return (yield from confer(interpreter, element, conference, document))
    wanted = list(nouns(element, document))
    if len(wanted) > MOST_NOUNS:
        raise DocumentFailed(SCHEMA_WARNING, document.url, f"{len(wanted)} nouns in <Dial>")
    # Dial, sequential: one after another; otherwise all at once.
    groups = [[noun] for noun in wanted] if element.get("sequential") == "true" else [wanted]
    dialling = Dialling(interpreter, element, document)
    try:
        for group in groups:
            yield from dialling.ring(group)
            if dialling.winner is not None:
                break
    except HungUp:
        if leg.twilio.dial_action_after_hang_up and not leg.silent:
            dialling.report_after_hang_up()
        raise
    finally:
        # Whatever ended it, a redirect too: whoever still rings or talks is let go.
        dialling.over()
    if element.get("action") is None:
        return None
    action = document.resolve(element.get("action", ""))
    return Source(action, element.get("method", "POST"), dialling.result())


@dataclass
class Dialling:
    interpreter: Interpreter
    element: etree._Element
    document: Document
    legs: list[Leg] = field(default_factory=list)
    winner: Leg | None = None
    bridged: datetime | None = None
    redirected: list[Leg] = field(default_factory=list)
    recording: Recording | None = None
    talks: list[Heard] = field(default_factory=list)

    @property
    def leg(self) -> Leg:
        return self.interpreter.leg

    def ring(self, group: list[Noun]) -> Steps[None]:
        """Until none of these legs is left."""
        # Dial, timeout: 30 s of ringing; timeLimit: 4 hours of talk.
        timeout = float(self.element.get("timeout", "30"))
        caller_id = self._caller_id(group)
        ringing = Heard("ringing", self.element.get("ringTone", ""), self.leg.clock.now())
        self.leg.heard.append(ringing)
        self.talks.append(ringing)
        children = [call(self.leg, noun, caller_id, timeout) for noun in group]
        self.legs.extend(children)
        left = {child.sid for child in children}
        limit: float | None = None
        while left:
            signal = yield Wait(None if limit is None else limit - self.leg.clock.elapsed)
            match signal:
                case Answered(child) if self.winner is None and child in children:
                    # Number: the first to pick up is connected and the rest are hung up.
                    self.winner = child
                    for other in children:
                        if other is not child:
                            other.end("canceled")
                case Ready(child) if child is self.winner:
                    self._bridge(child)
                    limit = self.leg.clock.elapsed + float(self.element.get("timeLimit", "14400"))
                case Ended(child, redirected) if child.sid in left:
                    left.discard(child.sid)
                    if redirected:
                        self.redirected.append(child)
                case Key("*") if self.element.get("hangupOnStar") == "true" and self.bridged:
                    self._hang_up_called()
                case None:
                    self._hang_up_called()
        ringing.end = ringing.end or self.leg.clock.now()

    def _caller_id(self, group: list[Noun]) -> str:
        """Dial, callerId: to the telephone network only the call's own numbers or the account's."""
        caller_id = self.element.get("callerId") or self.leg.from_
        allowed = {self.leg.from_, self.leg.to, *self.leg.twilio.numbers}
        if any(noun.address.startswith("+") for noun in group) and caller_id not in allowed:
            raise DocumentFailed(INVALID_CALLER_ID, self.document.url, f"callerId {caller_id}")
        return caller_id

    def _bridge(self, child: Leg) -> None:
        self.leg.answer()
        self.bridged = self.leg.clock.now()
        self.talks[-1].end = self.bridged  # the ringing
        for ear, other in ((self.leg, child.to), (child, self.leg.from_)):
            self.talks.append(Heard("talk", other, self.bridged))
            ear.heard.append(self.talks[-1])
        record = self.element.get("record", "do-not-record")
        if record not in ("do-not-record", "false"):
            self.recording = self.leg.twilio.recordings.begin(
                self.leg,
                "DialVerb",
                callback(self.element, self.document),
                2 if record.endswith("-dual") else 1,
            )

    def _hang_up_called(self) -> None:
        assert self.winner is not None
        self.winner.end("completed")

    def over(self) -> None:
        for child in self.legs:
            child.silent = child.silent or self.leg.silent
            if child in self.redirected:
                continue
            child.end("completed" if child.answered else "canceled")
        for heard in self.talks:
            heard.end = heard.end or self.leg.clock.now()
        if self.recording is not None and self.recording.status == "in-progress":
            self.leg.twilio.recordings.finish(self.recording)

    def report_after_hang_up(self) -> None:
        action = self.element.get("action")
        if action is None:
            return
        self.over()
        self.leg.status = "completed"
        parameters = {**self.leg.parameters(), **self.result()}
        method = self.element.get("method", "POST")
        self.leg.twilio.notify(self.leg, self.document.resolve(action), method, parameters)

    def result(self) -> Mapping[str, str]:
        """Dial, action: how it went, for one leg: the one answered, else the last."""
        if not self.legs:
            return {"DialCallStatus": "failed", "DialBridged": "false"}
        reported = self.winner or self.legs[-1]
        result = {
            "DialCallStatus": "completed" if self.winner else self._unanswered(),
            "DialCallSid": reported.sid,
            "DialBridged": "true" if self.bridged else "false",
        }
        if self.winner is not None and not self.redirected:
            result["DialCallDuration"] = str(reported.duration)
        if self.recording is not None:
            result["RecordingUrl"] = self.recording.url
        return result

    def _unanswered(self) -> str:
        statuses = {leg.status for leg in self.legs}
        return next(status for status in UNANSWERED if status in statuses)
