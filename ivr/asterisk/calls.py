"""Serves calls that the dialplan hands to AGI: one request a call, one when it hangs up.

`CALL_DONE=1` tells the dialplan that the flow ended the call. Whatever else ends a request
leaves it unset, so the dialplan tries the next engine and at last serves the caller itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from callflows.events import DialEnded, DialResult, DigitsCollected, Event, keys_of
from callflows.verbs import CRISIS_KEY, Hangup
from config.database import StoreUnavailable
from ivr.asterisk.channel import Channel, plain
from ivr.asterisk.dialling import read_report
from ivr.asterisk.performer import House, Performer
from ivr.controller import Controller
from ivr.page_visits import CHANNEL
from ivr.pending import OfferedCall, Pending, StaleTurn

log = structlog.get_logger()

CARRIER = "asterisk"
LONGEST_NUMBER = 32
PAGE = "WEB"
"""In a trunk's place, of a call from the callers' page. No trunk has capitals in its name."""
PRESENTATION = 0x60
RESTRICTED = 0x20
"""Bits of `agi_callingpres`: the caller withholds the number."""

_CALL_ID = re.compile(r"[A-Za-z0-9._-]{1,150}\Z")


class CallHandler:
    """Handles `call`: performs the flow's turns until it hangs up.

    The request's first argument is the access number (without one: the extension dialled), its
    second the trunk, or PAGE, and its fourth the region chosen on that page. Its third is 1 where
    the caller pressed `*` while no engine was there to hear it: the flow is told as soon as it
    can be.
    """

    def __init__(self, controller: Controller, house: House, now: Callable[[], datetime]) -> None:
        self._controller = controller
        self._house = house
        self._now = now

    def __call__(self, channel: Channel) -> None:
        call = offered_call(channel.env)
        try:
            pending = self._offered(channel, call)
            performer = Performer(channel, self._house, self._now)
            pressed = channel.env.get("agi_arg_3") == "1"
            crisis = False
            while True:
                if pressed and not pending.crisis and not isinstance(pending.verbs[-1], Hangup):
                    # A Dial may have been answered meanwhile.
                    event: Event | None = performer.dial_done_meanwhile(pending)
                    if event is None:
                        event = DigitsCollected(self._now(), CRISIS_KEY)
                        pressed = False
                else:
                    if pending.crisis and not crisis:
                        channel.set_variable("CRISIS", "1")
                        crisis = True
                    event = performer.perform(pending)
                if event is None:
                    # The store knows the end already: `h` need not tell it.
                    channel.set_variables(CALL_DONE=1, HANGUP_TOLD=1)
                    channel.hangup()
                    return
                if CRISIS_KEY in keys_of(event) and not crisis:
                    # Told the dialplan first: the store may be down.
                    channel.set_variable("CRISIS", "1")
                    crisis = True
                pending = self._controller.advanced(call.call_id, pending.turn, event)
                if _talked(event) and not isinstance(pending.verbs[-1], Hangup):
                    # The call goes on: its talk must not look like its end to the dialplan.
                    channel.set_variables(DIALSTATUS="", TALK_OVER="")
        except StaleTurn:
            log.info("call_taken_over", call_id=call.call_id)
        except StoreUnavailable as error:
            log.error("call_left_to_dialplan", call_id=call.call_id, reason=str(error))

    def _offered(self, channel: Channel, call: OfferedCall) -> Pending:
        try:
            return self._controller.offered(call, self._now())
        except StoreUnavailable:
            # A store that hangs fails late: the dialplan must not take the wait for service.
            channel.set_variable("REFUSED", "1")
            raise


class HangupHandler:
    """Handles `hangup`, from the `h` extension: the caller's leg has ended. `HANGUP_TOLD=1`
    tells the dialplan that the store knows."""

    def __init__(self, controller: Controller, now: Callable[[], datetime]) -> None:
        self._controller = controller
        self._now = now

    def __call__(self, channel: Channel) -> None:
        report = read_report(channel)
        try:
            if report is None:
                known = self._controller.hung_up(call_id(channel.env), self._now())
            else:
                known = self._controller.hung_up(
                    call_id(channel.env), self._now(), report.result, report.verbs_turn,
                    report.talk_seconds, report.desk, report.over,
                )  # fmt: skip
        except (StoreUnavailable, StaleTurn) as error:
            log.error("hangup_left_to_dialplan", call_id=call_id(channel.env), reason=str(error))
        else:
            if known:
                channel.set_variable("HANGUP_TOLD", "1")


def call_id(env: Mapping[str, str]) -> str:
    """The channel's unique id. Raises ValueError where it isn't one."""
    unique_id = env.get("agi_uniqueid", "")
    if not _CALL_ID.match(unique_id):
        raise ValueError("not a unique id")
    return unique_id


def offered_call(env: Mapping[str, str]) -> OfferedCall:
    """The call as the AGI header tells it. The caller's name and number are whatever the
    caller's side wrote: only a name's harmless characters and a number's figures are kept."""
    presentation = env.get("agi_callingpres", "")
    withheld = presentation.isdecimal() and int(presentation) & PRESENTATION == RESTRICTED
    number = _number(env.get("agi_callerid", ""))
    name = plain(env.get("agi_calleridname", ""))
    return OfferedCall(
        call_id=call_id(env),
        carrier=CARRIER,
        channel=env.get("agi_channel", ""),
        access_number=_number(env.get("agi_arg_1") or env.get("agi_extension", "")),
        caller_id=None if withheld or not number else number,
        caller_name=None if withheld or name in ("", "unknown") else name,
        came_by=came_by(env.get("agi_arg_2", "")),
        stated_region=env.get("agi_arg_4") or None,
    )


def came_by(trunk: str) -> str | None:
    """The order's channel, where it isn't Asterisk's."""
    return CHANNEL if trunk == PAGE else None


def _talked(event: Event) -> bool:
    return isinstance(event, DialEnded) and event.result in (DialResult.ANSWERED, DialResult.LOST)


def _number(text: str) -> str:
    """Figures, with `+` in front or `-` between where they were."""
    match = re.match(r"\+?[0-9][0-9-]*", text.strip())
    return match.group()[:LONGEST_NUMBER] if match else ""
