"""From contacts to a dial string, and from Asterisk's variables to what came of a Dial.

A Dial outlives the engine that asked for it. So each leaves its turn in `CALL_TURN`, with
DIALSTATUS cleared: whoever takes the call over, and the `h` extension, know what became of it.

On the public network DIALSTATUS says ANSWER also when a mobile's voicemail answered, or when
either side hung up while the counselor was asked to accept. So the caller's `DIAL_ACCEPTED` is
`needed` before such a Dial, and the subroutine that asks sets it to `yes` (with
`MASTER_CHANNEL()`): answered means accepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import structlog

from callflows.events import DialResult
from ivr.asterisk.channel import Channel

log = structlog.get_logger()

REJECTED = "21"
"""ITU-T Q.850 cause 21: the counselor pressed reject (SIP 603)."""

RESULTS = {
    "ANSWER": DialResult.ANSWERED,
    "NOANSWER": DialResult.NO_ANSWER,
    "BUSY": DialResult.BUSY,
    "CHANUNAVAIL": DialResult.UNREACHABLE,
    "CONGESTION": DialResult.CONGESTION,
    "CANCEL": DialResult.ABANDONED,
    "DONTCALL": DialResult.DECLINED,
    "TORTURE": DialResult.DECLINED,
    "INVALIDARGS": DialResult.UNREACHABLE,
}

_ADDRESS = re.compile(r"\+?[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(@[A-Za-z0-9][A-Za-z0-9_.-]{0,63})?\Z")
_REPORT = (
    "CALL_TURN",
    "DIALSTATUS",
    "ANSWEREDTIME",
    "DIALEDPEERNUMBER",
    "HANGUPCAUSE",
    "DIAL_ACCEPTED",
)


@dataclass(frozen=True, slots=True)
class DialReport:
    """`verbs_turn` is the turn whose Dial it was; `address` the contact that answered, ""
    where nobody did; `talk_seconds` counts from the answer."""

    verbs_turn: int
    result: DialResult
    address: str
    talk_seconds: int


def dial_string(address: str) -> str | None:
    """`PJSIP/1001` for an account, `PJSIP/02012355@trunk` for a number; None where the store
    holds something that cannot be dialled."""
    if not _ADDRESS.match(address):
        log.error("contact_not_diallable")
        return None
    return f"PJSIP/{address}"


def begin_report(channel: Channel, verbs_turn: int, accept: bool) -> None:
    """Mark the Dial that is about to begin as this turn's; `accept`: whoever answers is asked."""
    channel.set_variables(
        CALL_TURN=verbs_turn, DIALSTATUS="", DIAL_ACCEPTED="needed" if accept else ""
    )


def read_report(channel: Channel, caller_gone: bool = False) -> DialReport | None:
    """What came of the last Dial; None where there was none, or it isn't over."""
    said = channel.get_variables(*_REPORT)
    status, turn, seconds = said["DIALSTATUS"], said["CALL_TURN"], said["ANSWEREDTIME"]
    if not status or not turn.isdecimal():
        return None
    result = RESULTS.get(status, DialResult.UNREACHABLE)
    if result is DialResult.ANSWERED and said["DIAL_ACCEPTED"] == "needed":
        result = DialResult.ABANDONED if caller_gone else DialResult.DECLINED
    if result is DialResult.ANSWERED:
        talked = int(seconds) if seconds.isdecimal() else 0
        return DialReport(int(turn), result, said["DIALEDPEERNUMBER"], talked)
    if result is not DialResult.ABANDONED and said["HANGUPCAUSE"] == REJECTED:
        result = DialResult.DECLINED
    return DialReport(int(turn), result, "", 0)
