"""Dial: all ring at once, the first to answer is bridged; what came of it is left in variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callflows.events import DialResult
from ivr.simulated_caller import Telephone
from tests.twilio_stand_in.failures import HungUp
from tests.twilio_stand_in.process import Steps, sleep

if TYPE_CHECKING:
    from tests.asterisk_stand_in.channel import Channel

ACCEPT_SECONDS = 1.0
"""After which who picks up outside presses 1."""

# DIALSTATUS and Q.850 cause by what a telephone does; of several that fail app_dial reports the
# first of these that happened.
STATUSES = {
    DialResult.BUSY: ("BUSY", "17"),
    DialResult.DECLINED: ("BUSY", "21"),
    DialResult.CONGESTION: ("CONGESTION", "34"),
    DialResult.UNREACHABLE: ("CHANUNAVAIL", "20"),
    DialResult.NO_ANSWER: ("NOANSWER", "19"),
}


@dataclass(frozen=True)
class Rung:
    string: str
    telephone: Telephone

    @property
    def answers_after(self) -> float:
        """Through the context `outside-…` it has to accept first."""
        outside = self.string.startswith("Local/")
        return self.telephone.after + (ACCEPT_SECONDS if outside else 0.0)


def dial(channel: Channel, arguments: str) -> Steps[str]:
    assert not channel.gone, "nobody is there to be connected"
    strings, seconds, options = arguments.split(",")
    rings = float(seconds)
    telephones = channel.asterisk.rung(strings.split("&"))
    rung = [Rung(*pair) for pair in zip(strings.split("&"), telephones, strict=True)]
    channel.remark(f"{', '.join(one.string for one in rung)} rings")
    answers = [one for one in rung if one.telephone.answers and one.answers_after < rings]
    first = min(answers, key=lambda one: one.answers_after) if answers else None
    ends = first.answers_after if first else max(one.telephone.ends(rings) for one in rung)
    starring = "*" if options.startswith("gmd") else ""
    try:
        if (yield from channel.listen(ends, starring)):
            channel.variables |= {"DIALSTATUS": "CANCEL", "EXTEN": "*", "HANGUPCAUSE": "0"}
            return "200 result=0"
    except HungUp:
        channel.gone = True
        channel.variables |= {"DIALSTATUS": "CANCEL", "HANGUPCAUSE": "0"}
        return "200 result=-1"
    if first is None:
        _refused(channel, rung)
        return "200 result=0"
    return (yield from _talk(channel, first))


def _talk(channel: Channel, first: Rung) -> Steps[str]:
    clock = channel.asterisk.clock
    channel.remark(f"{first.string} answers")
    channel.variables |= {
        "DIALSTATUS": "ANSWER",
        "ANSWERED_AT": channel.expand("${EPOCH}"),
        "DIALEDPEERNUMBER": first.string.partition("/")[2],
        "HANGUPCAUSE": "16",
    }
    channel.asterisk.bridged(channel.unique_id, f"{first.string}-0000000a")
    try:
        yield from sleep(first.telephone.talks, clock)
    except HungUp:
        channel.gone = True
        return "200 result=-1"
    lost = first.telephone.result is DialResult.LOST
    channel.variables["PHONE_CAUSE"] = "44" if lost else "16"
    channel.remark(f"{first.string} {'is lost' if lost else 'hangs up'}")
    return "200 result=0"


def _refused(channel: Channel, rung: list[Rung]) -> None:
    results = {one.telephone.result for one in rung}
    failed = DialResult.NO_ANSWER
    if not results & {DialResult.NO_ANSWER, DialResult.ANSWERED, DialResult.LOST}:
        failed = next(result for result in STATUSES if result in results)
    status, cause = STATUSES[failed]
    channel.remark(f"nobody answers: {status}")
    channel.variables |= {"DIALSTATUS": status, "HANGUPCAUSE": cause}
