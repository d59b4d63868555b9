"""From contacts to a dial string, and from Asterisk's variables to what came of a Dial.

A Dial outlives the engine that asked for it. So each leaves its turn in `CALL_TURN`, with
DIALSTATUS cleared: whoever takes the call over, and the `h` extension, know what became of it.

Asterisk's ANSWEREDTIME counts from the caller's own answer, menu and queue included. So the
subroutine `answered` leaves the second in which the counselor answered in `ANSWERED_AT`, and the
dialplan the one in which the talk ended in `TALK_OVER`, where no engine was there to see it.

A bridge that is over gives its caller the cause 16 whatever ended it. So the telephone that
answered leaves its own in `PHONE_CAUSE` as it goes, a moment after Dial has returned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import structlog

from agents.roster import Contact
from callflows.events import DialResult
from ivr.asterisk.channel import Channel

log = structlog.get_logger()

REJECTED = "21"
"""ITU-T Q.850 cause 21: the counselor pressed reject (SIP 603)."""

LOST = "44"
"""Cause 44, requested channel not available: what Asterisk gives a leg that it ends itself because
no sound has come from it (pjsip's `rtp_timeout`). A telephone that hangs up gives another."""

CAUSE_ASKED, CAUSE_ASKED_EVERY = 20, "0.05"

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
_PHONE = re.compile(r"(?:sip|browser)-([0-9]+)\Z|(\+?[0-9]+)@outside-")
_REPORT = (
    "CALL_TURN",
    "DIALSTATUS",
    "ANSWERED_AT",
    "EPOCH",
    "DIALEDPEERNUMBER",
    "HANGUPCAUSE",
    "TALK_OVER",
    "EXTEN",
    "PHONE_CAUSE",
)


@dataclass(frozen=True, slots=True)
class DialReport:
    """`verbs_turn` is the turn whose Dial it was; `address` what answered, as it was dialled, ""
    where nobody did; `talk_seconds` counts from the answer. `over`: whoever answered had hung up
    while no engine was there. `starred`: the caller ended the ringing by `*`. `lost`: whoever
    answered didn't hang up, their telephone is gone."""

    verbs_turn: int
    result: DialResult
    address: str
    talk_seconds: int
    over: bool = False
    starred: bool = False
    lost: bool = False

    @property
    def desk(self) -> str:
        """The number of the counselor's telephone that answered; "" where none did."""
        return phone_number(self.address)


def dial_string(address: str, must_accept: bool) -> str | None:
    """`PJSIP/sip-1001` for an account, `PJSIP/02012355@trunk` for a number; None where the store
    holds something that cannot be dialled.

    With `must_accept` the number is rung through a dialplan context in which whoever answers
    has to press 1: until then the call counts as ringing, also for a mobile's voicemail. That
    channel stays for as long as they talk (`/n`): its name alone tells whose leg it is.
    """
    if not _ADDRESS.match(address):
        log.error("contact_not_diallable")
        return None
    number, at, trunk = address.partition("@")
    return f"Local/{number}@outside-{trunk}/n" if must_accept and at else f"PJSIP/{address}"


def contact_address(contact: Contact, outbound_trunk: str) -> str | None:
    """`sip-8002` of a desk, `+8613800138000@trunk` of a telephone outside; None for what no trunk
    leads to, and what isn't Asterisk's."""
    if contact.kind in ("sip", "browser"):
        return f"{contact.kind}-{contact.address}"
    trunk = contact.trunk or outbound_trunk
    return f"{contact.address}@{trunk}" if contact.kind == "outside" and trunk else None


def begin_report(channel: Channel, verbs_turn: int) -> None:
    """Mark the Dial that is about to begin as this turn's."""
    channel.set_variables(
        CALL_TURN=verbs_turn, DIALSTATUS="", ANSWERED_AT="", TALK_OVER="", PHONE_CAUSE=""
    )


def read_report(channel: Channel, just_over: bool = False) -> DialReport | None:
    """What came of the last Dial; None where there was none, or it isn't over. `just_over`: the
    telephone that answered may have to be awaited, a second at most."""
    said = channel.get_variables(*_REPORT)
    for _ in range(CAUSE_ASKED if just_over else 0):
        if said["DIALSTATUS"] != "ANSWER" or said.get("PHONE_CAUSE"):
            break
        channel.appexec("Wait", CAUSE_ASKED_EVERY)
        said = channel.get_variables(*_REPORT)
    status, turn = said["DIALSTATUS"], said["CALL_TURN"]
    if not status or not turn.isdecimal():
        return None
    result = result_of(status, said["HANGUPCAUSE"])
    if result is DialResult.ANSWERED:
        over = said.get("TALK_OVER", "")
        talked = _seconds(said["ANSWERED_AT"], over or said["EPOCH"])
        lost = said.get("PHONE_CAUSE") == LOST
        return DialReport(
            int(turn), result, said["DIALEDPEERNUMBER"], talked, bool(over), lost=lost
        )
    # Dial leaves for the extension that was pressed; a caller who hangs up leaves it alone.
    starred = result is DialResult.ABANDONED and said.get("EXTEN") == "*"
    return DialReport(int(turn), result, "", 0, starred=starred)


def result_of(status: str, cause: str) -> DialResult:
    """What DIALSTATUS and HANGUPCAUSE say together."""
    result = RESULTS.get(status, DialResult.UNREACHABLE)
    over = result in (DialResult.ANSWERED, DialResult.ABANDONED)
    return DialResult.DECLINED if cause == REJECTED and not over else result


def phone_number(address: str) -> str:
    """`8002` of the account `sip-8002`, `+8613800138000` of the counselor's own telephone
    `+8613800138000@outside-trunk`; "" of anything else, and so of a bare trunk."""
    match = _PHONE.match(address)
    return match.group(1) or match.group(2) if match else ""


def phone_of_channel(channel: str) -> str:
    """The same of a live channel, `PJSIP/sip-8002-0000000a` or
    `Local/+8613800138000@outside-trunk-0000000b;1`."""
    return phone_number(channel.partition("/")[2].rpartition("-")[0])


def _seconds(began: str, ended: str) -> int:
    if not began.isdecimal() or not ended.isdecimal():
        return 0
    return max(0, int(ended) - int(began))
