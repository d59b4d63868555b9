"""The verbs, each with what performs it, and which of them may run where."""

from __future__ import annotations

from tests.twilio_stand_in.interpreter import Verb
from tests.twilio_stand_in.verbs.dial import dial
from tests.twilio_stand_in.verbs.enqueue import enqueue
from tests.twilio_stand_in.verbs.flow import hangup, leave, redirect, reject
from tests.twilio_stand_in.verbs.gather import gather
from tests.twilio_stand_in.verbs.record import record
from tests.twilio_stand_in.verbs.speech import pause, speak

VERBS: dict[str, Verb] = {
    "Say": speak,
    "Play": speak,
    "Pause": pause,
    "Gather": gather,
    "Record": record,
    "Dial": dial,
    "Enqueue": enqueue,
    "Redirect": redirect,
    "Reject": reject,
    "Hangup": hangup,
}

# Enqueue, waitUrl: the verbs supported while waiting.
WAITING = {name: VERBS[name] for name in ("Say", "Play", "Pause", "Gather", "Redirect", "Hangup")}
WAITING["Leave"] = leave

# Number, url: what runs on the called leg before the parties are connected has only these.
WHISPER = {name: VERBS[name] for name in ("Say", "Play", "Gather", "Hangup")}
