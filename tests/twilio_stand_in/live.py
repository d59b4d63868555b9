"""A leg's life under TwiML: from its first document to its end, through failures and redirects."""

from __future__ import annotations

from collections.abc import Mapping

from tests.twilio_stand_in.failures import DocumentFailed, EndOfCall, HungUp
from tests.twilio_stand_in.interpreter import Interpreter, Redirected, Source, Verb
from tests.twilio_stand_in.leg import Leg
from tests.twilio_stand_in.process import Steps

APPLICATION_ERROR = Source(
    twiml="<Response><Say>An application error has occurred. Goodbye.</Say></Response>"
)


def live(leg: Leg, first: Source, verbs: Mapping[str, Verb]) -> Steps[None]:
    """Run documents until the call ends; the end of a document without a hang-up ends it too."""
    interpreter = Interpreter(leg.twilio, leg, verbs)
    source: Source | None = first
    status: str | None = None
    while source is not None:
        try:
            yield from interpreter.run(source)
            # Reject: any other response, an empty one too, has the call answered.
            leg.answer()
            source = None
        except Redirected as redirected:
            source = redirected.source
        except DocumentFailed as failure:
            leg.twilio.alert(failure.code, failure.text, failure.url, leg)
            source = _after(failure, leg)
        except (EndOfCall, HungUp) as end:
            source, status = None, end.status
    leg.end(status or ("completed" if leg.answered else "no-answer"))


def _after(failure: DocumentFailed, leg: Leg) -> Source:
    """IncomingPhoneNumber, VoiceFallbackUrl: requested when a document can't be had or run.

    Without one, or when it fails itself, the caller hears that the application failed.
    """
    fallback = leg.fallback
    if fallback is None or failure.url == fallback.url.partition("#")[0]:
        return APPLICATION_ERROR
    error = {"ErrorCode": str(failure.code), "ErrorUrl": failure.url}
    return Source(fallback.url, fallback.method, error)
