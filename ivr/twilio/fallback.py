"""What serves a caller when we can't: documents that ask nobody of ours anything.

They are put where Twilio finds them without us (TwiML Bins, a second host): the first is named as
the number's fallback address, and each names the next. It can't know who is in danger, so it does
for all what a crisis needs: it rings people, the duty phone among them, again and again, and tells
what to dial meanwhile. No voicemail, and no end while the caller stays.

People accept by key, and are rung one after the other. Twilio connects whoever picks up first and
lets go of the others at that moment, before any key: a mobile that is switched off and whose
voicemail picks up after a second would silence, round after round, the person who needs twelve. One
at a time a voicemail costs a caller a few seconds and takes nobody's place.

Nothing here can tell a talk that has ended from a ringing in vain: a static document is asked for
the same way after both. So the words after each fit both, and then people are rung again: who has
done talking hangs up, and whoever lost somebody in the middle of a talk only has to stay.

Source: Twilio, "TwiML Voice: Number" (url), "TwiML Voice: Gather" (without action the document
itself is asked again), "Error 32018" (the size).
"""

from __future__ import annotations

from collections.abc import Sequence

from twilio.twiml.voice_response import VoiceResponse

from ivr.twilio.twiml import ACCEPT_SECONDS, nothing, written
from ivr.twilio.voices import voice_of

VOICE = voice_of("zh-CN")
FIRST = "你好，这里是12355青少年服务台，正在为你接通值班老师，请别挂断。"
AGAIN = "谈完了就请挂断。没有接通请别挂断，马上再接。受伤可拨120，有人伤害你可拨110。"
LAST = "对不起，暂时没有接通。请再拨一次，或拨打12356心理热线；有危险请拨110。"
ACCEPT = "这里是12355，有人等着接通，接听请按1。"
RING_SECONDS = 20
"""Short, for the next one waits; a round later it rings again."""
ROUNDS = 15
"""In one document at the most: each further one has to be fetched."""
LARGEST = 3_900
"""Characters; a TwiML Bin takes 4,000."""


class NobodyToRing(Exception):
    """Whom Twilio could ring isn't set, in one line with the way out."""


def fallback(numbers: Sequence[str], caller_id: str, accept: str) -> str:
    """The document that a caller meets. Raises NobodyToRing.

    :param numbers: who is rung, the first one first; E.164.
    :param caller_id: the number they are shown; empty: the caller's own.
    :param accept: the address of what `accepting` writes.
    """
    if not numbers:
        raise NobodyToRing(
            "set IVR_TWILIO_FALLBACK_NUMBERS to numbers that Twilio can ring, +86…,+86…: nobody "
            "else answers when this server cannot"
        )
    for rounds in range(ROUNDS, 0, -1):
        document = _ringing([*numbers] * rounds, caller_id, accept)
        if len(document) <= LARGEST:
            return document
    raise NobodyToRing(
        "IVR_TWILIO_FALLBACK_NUMBERS has more numbers than fit in a TwiML Bin: leave some out"
    )


def _ringing(numbers: Sequence[str], caller_id: str, accept: str) -> str:
    response = VoiceResponse()
    response.say(FIRST, voice=VOICE.name, language=VOICE.language)
    for number in numbers:
        dial = response.dial(timeout=RING_SECONDS, caller_id=caller_id or None)
        dial.number(number, url=accept)
        response.say(AGAIN, voice=VOICE.name, language=VOICE.language)
    # From the start again: it can't name its own address, which is known once it is put there.
    response.gather(
        input="dtmf", num_digits=1, timeout=1, action_on_empty_result=True, method="GET"
    )
    # Should it not be asked again, the call ends in words and not in silence.
    response.say(LAST, voice=VOICE.name, language=VOICE.language)
    return written(response)


def accepting(connect: str) -> str:
    """To who has picked up: a person presses a key, a voicemail doesn't and is hung up.

    :param connect: the address of what `connecting` writes. A static document can't tell one key
        from another: any will do.
    """
    response = VoiceResponse()
    gather = response.gather(
        input="dtmf", action=connect, num_digits=1, timeout=ACCEPT_SECONDS, finish_on_key=""
    )
    gather.say(ACCEPT, voice=VOICE.name, language=VOICE.language)
    response.hangup()
    return written(response)


def connecting() -> str:
    """After the key: nothing more is said, they meet the caller."""
    return nothing()
