"""What serves a caller when we can't: a document that asks nobody anything.

It is put where Twilio finds it without us (a TwiML Bin, a second host) and named as the number's
fallback address. It can't know who is in danger, so it does for all what a crisis needs: it rings
people, the duty phone among them, again and again, and tells what to dial meanwhile. No voicemail.
"""

from __future__ import annotations

from collections.abc import Sequence

from twilio.twiml.voice_response import VoiceResponse

from ivr.twilio.twiml import written
from ivr.twilio.voices import voice_of

LANGUAGE = "zh-CN"
FIRST = "你好，这里是12355青少年服务台，正在为你接通值班老师，请别挂断。"
STAY = "还在为你接通，请别挂断。受伤可拨120，有人伤害你可拨110。"
LAST = "对不起，暂时没有接通。请稍后再拨，或拨打12356心理热线。"
ROUNDS = 20
RING_SECONDS = 30
"""Together ten minutes of ringing."""


class NobodyToRing(Exception):
    """No number is set that Twilio could ring, in one line with the way out."""


def fallback(numbers: Sequence[str], caller_id: str) -> str:
    """The document. `numbers`: who is rung, all at once; E.164. `caller_id`: empty: the caller's
    own number is shown. Raises NobodyToRing."""
    reachable = [number for number in dict.fromkeys(numbers) if number.startswith("+")]
    if not reachable:
        raise NobodyToRing(
            "set IVR_LAST_RESORT_NUMBER and IVR_CRISIS_LAST_RESORT_NUMBER to numbers that Twilio "
            "can ring, written +86…: nobody else answers when this server cannot"
        )
    response = VoiceResponse()
    voice = voice_of(LANGUAGE)
    for number in range(ROUNDS):
        words = STAY if number else FIRST
        response.say(words, voice=voice.name, language=voice.language)
        dial = response.dial(timeout=RING_SECONDS, caller_id=caller_id or None)
        for address in reachable:
            dial.number(address)
    response.say(LAST, voice=voice.name, language=voice.language)
    response.hangup()
    return written(response)
