"""Performs on Asterisk what desks ask for: a thread that looks for requests, and ends, rings and
moves the legs that are not the caller's.

The caller's own leg stays in the engine's hands: what becomes of it is decided where its Dial or
its conference ends. Everything is told Asterisk until it is seen to have come about, so an engine
that takes over goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import repeat

import structlog
from asterisk.manager import ManagerException

from agents import roster
from callflows.events import DialResult
from callflows.verbs import Confer, Dial
from config.database import StoreUnavailable
from ivr import desk_requests, sessions
from ivr.asked_in import COMPLETED, LEG, Refused, sister_line
from ivr.asterisk import dialling
from ivr.asterisk.ami import Ami, Headers, LiveChannel, NotPlaced
from ivr.asterisk.channel import Channel
from ivr.asterisk.dialling import dial_string, phone_of_channel
from ivr.asterisk.provisions import Phone, Provisions
from ivr.controller import Controller
from ivr.desk_requests import Kind, Request, State, TargetKind
from ivr.sessions import CallRow

log = structlog.get_logger()

LOOK_SECONDS = 0.25
"""A click is performed by then."""
SETTLED_LOOK = timedelta(seconds=1)
SETTLED_AFTER = timedelta(seconds=5)
"""A talk that goes on with whoever was asked in is looked at less often."""
AGAIN = timedelta(seconds=1)
"""What was told Asterisk and hasn't come about is told again."""
RING_SECONDS = 20
GRACE_SECONDS = 5
"""By which the telephones' own end of ringing comes before the call's."""
MONITORING = {
    Kind.HELP: "listening", Kind.LISTEN: "listening", Kind.WHISPER: "whispering",
    Kind.JOIN: "joining",
}  # fmt: skip
"""The dialplan's contexts. The extension is whom it is about, by unique id."""
MONITORED = "班长正在听你们的通话。"
"""Into the counselor's ear alone, where the station wants it said."""

SAID = "said:"
"""Begins the name of the call by which it is said."""

Channels = Mapping[str, LiveChannel]


class DeskWork:
    """Of one Asterisk, from `start()` to `stop()`. :param now: gives the aware UTC time."""

    def __init__(
        self,
        controller: Controller,
        provisions: Provisions,
        ami: Ami,
        node: str,
        now: Callable[[], datetime],
    ) -> None:
        self._controller = controller
        self._law = controller.house.with_others
        self._provisions = provisions
        self._ami = ami
        self._node = node
        self._now = now
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk-work", daemon=True)
        self._told: dict[tuple[str, State], datetime] = {}
        self._unheard = False
        self._looked = datetime.min.replace(tzinfo=UTC)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def responded(self, headers: Headers) -> None:
        """OriginateResponse: somebody has picked up, or nobody. Why not, the dialplan told."""
        request = self._of_leg(headers.get("ActionID", ""))
        if request is None:
            return
        if headers.get("Response") == "Success":
            self._picked_up(request)
        else:
            self._nobody(request, DialResult.NO_ANSWER)

    def not_asked_in(self, channel: Channel) -> None:
        """Handles `not-asked-in`: nobody picked up, and the dialplan says why."""
        request_id, status, cause = (channel.env.get(f"agi_arg_{n}", "") for n in (1, 2, 3))
        request = self._of_leg(LEG + request_id)
        if request is not None:
            self._nobody(request, dialling.result_of(status, cause))

    def look(self) -> None:
        """Perform what is asked for. Raises StoreUnavailable."""
        now = self._now()
        requests = self._controller.store.read(
            lambda connection: desk_requests.open_of(connection, self._node)
        )
        if not requests:
            self._told.clear()
            return
        if now < self._looked + SETTLED_LOOK and all(map(_settled, requests, repeat(now))):
            return
        self._looked = now
        try:
            channels = self._ami.channels()
        except ManagerException as error:
            log.error("desk_requests_wait", reason=str(error))
            return
        for request in requests:
            if request.state is State.ASKED and self._take(request):
                request = self._again(request)
            try:
                self._perform(request, channels)
            except (ManagerException, Refused) as error:
                log.error("desk_request_untold", request=request.id, reason=str(error))

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self.look()
                self._unheard = False
            except StoreUnavailable as error:
                if not self._unheard:
                    log.error("desk_requests_not_seen", reason=str(error))
                self._unheard = True
            except Exception:
                log.exception("desk_request_failed")

    def _take(self, request: Request) -> bool:
        return self._controller.write(lambda tx: self._law.take(tx, request, self._now()))

    def _perform(self, request: Request, channels: Channels) -> None:
        match request.state:
            case State.TAKEN:
                self._taken(request, channels)
            case State.RINGING if request.leg is not None:
                self._ring(request, channels)
            case State.TALKING if request.monitors:
                self._monitored(request, channels)
            case State.TALKING | State.JOINED:
                self._conferring(request, channels)
            case State.ENDING:
                self._end(request, channels)

    def _taken(self, request: Request, channels: Channels) -> None:
        """A transfer: everybody but the caller leaves; of one that was talked over, only who asked
        for it."""
        legs = _of_ours(request.call_id, channels)
        if request.ends_the_talk:
            legs |= self._asked_in(request, channels)
        elif request.kind is Kind.COMPLETE:
            legs = self._counselors_legs(request, channels)
            if not legs:
                self._step(request, State.DONE)
                return
        caller = channels.get(request.call_id)
        if not legs and (caller is None or not caller.bridged):
            # They have gone; what the caller hears next is their own call's to say.
            return
        if not self._due(request):
            return
        if self._controller.write(lambda tx: self._law.overdue(tx, request, self._now())):
            return
        for leg in legs.values():
            self._ami.hang_up(leg.name)

    def _ring(self, request: Request, channels: Channels) -> None:
        assert request.leg is not None
        if request.leg in channels:
            if channels[request.leg].up:
                # Nobody told us: we weren't there, or were connected anew.
                self._picked_up(request)
            return
        if (request.id, State.RINGING) not in self._told:
            self._told[request.id, State.RINGING] = self._now()
            if self._now() - request.changed_at < timedelta(seconds=GRACE_SECONDS):
                self._originate(request, channels)
                return
        rings = timedelta(seconds=RING_SECONDS + 2 * GRACE_SECONDS)
        if self._now() - request.changed_at > rings:
            self._nobody(request, DialResult.NO_ANSWER)

    def _originate(self, request: Request, channels: Channels) -> None:
        assert request.leg is not None
        row = self._row(request)
        phones = self._phones(request, row)
        if row is None or not phones:
            self._nobody(request, DialResult.UNREACHABLE)
            return
        values = {
            "REQUEST": request.id, "PHONES": "&".join(phones), "RINGS": RING_SECONDS,
        }  # fmt: skip
        where = self._goes_to(request, row, channels)
        if where is None:
            self._nobody(request, DialResult.UNREACHABLE)
            return
        context, extension = where
        try:
            self._ami.originate(
                request.leg, "Local/s@ask-in/n", context, RING_SECONDS + GRACE_SECONDS, extension,
                **values,
            )  # fmt: skip
        except NotPlaced as error:
            log.error("nobody_asked_in", request=request.id, reason=str(error))
            self._nobody(request, DialResult.UNREACHABLE)

    def _goes_to(
        self, request: Request, row: CallRow | None, channels: Channels
    ) -> tuple[str, str] | None:
        """The dialplan's context and extension for whoever picks up; None: there is nobody to
        listen to."""
        if not request.monitors or (request.kind is Kind.JOIN and _confers(row)):
            return "conference", request.order_no
        spied = next(iter(self._counselors_legs(request, channels)), None)
        return (MONITORING[request.kind], spied) if spied is not None else None

    def _conferring(self, request: Request, channels: Channels) -> None:
        """Bring everybody to where they belong, and see who is gone."""
        row = self._row(request)
        if row is None:
            return
        now = self._now()
        caller = channels.get(request.call_id)
        mine = self._counselors_legs(request, channels)
        settled = now - request.changed_at > AGAIN
        if request.leg not in channels:
            # Nobody is brought to where somebody isn't any more.
            if settled:
                self._controller.write(lambda tx: self._law.asked_in.left(tx, request, now))
            return
        if settled and not mine and request.result != COMPLETED:
            self._controller.write(lambda tx: self._law.asked_in.counselor_left(tx, request, now))
            return
        if not self._due(request):
            return
        if _dials(row):
            for unique_id in mine:
                self._ami.redirect(channels[unique_id].name, "conference", request.order_no)
        elif request.state is State.TALKING and _confers(row) and caller is not None:
            self._ami.kick(request.order_no, caller.name)

    def _monitored(self, request: Request, channels: Channels) -> None:
        if request.leg is None or request.leg not in channels:
            if self._now() - request.changed_at > AGAIN:
                self._over(request, DialResult.ANSWERED)
            return
        if (request.id, State.TALKING) in self._told:
            return
        self._told[request.id, State.TALKING] = self._now()
        where = self._goes_to(request, self._row(request), channels)
        if request.result == "changed" and where is not None:
            self._ami.redirect(channels[request.leg].name, *where)

    def _end(self, request: Request, channels: Channels) -> None:
        """Whoever was asked in leaves. Nobody is left behind: no telephone in a conference whose
        caller is gone, no caller with music to whom nobody comes back."""
        gone = request.leg not in channels
        legs = self._counselors_legs(request, channels)
        row, caller = self._row(request), channels.get(request.call_id)
        if request.monitors:
            if gone:
                self._over(request, DialResult.ANSWERED)
                return
        elif row is None or caller is None:
            self._ami.kick(request.order_no)
            for leg in legs.values():
                self._ami.hang_up(leg.name)
            gone = gone and not legs
        elif not legs:
            if _confers(row) and self._now() - request.changed_at > AGAIN:
                self._ami.kick(request.order_no, caller.name)
            gone = False
        else:
            # Or they left before anybody was brought to them: the two talk on as before.
            stayed = caller.bridged and _dials(row) and self._now() - request.changed_at > AGAIN
            gone = gone and (_confers(row) or stayed)
        if gone:
            self._step(request, State.DONE, request.result)
        elif request.leg is not None:
            self._ami.hang_up(request.leg)

    def _picked_up(self, request: Request) -> None:
        law, now = self._law, self._now()
        part = law.monitoring if request.monitors else law.asked_in
        wanted = self._controller.write(lambda tx: part.answered(tx, request, now))
        if not wanted and request.leg is not None:
            # Told twice, they are there already.
            if self._again(request).state not in (State.TALKING, State.JOINED):
                self._ami.hang_up(request.leg)
        elif request.monitors and self._announced(request):
            self._whisper(request)

    def _announced(self, request: Request) -> bool:
        """Does the station of whoever is monitored want it said?"""
        who = request.counselor_id
        person = self._controller.store.read(lambda c: roster.get(c, who))
        if person is None:
            return False
        stations = self._controller.house.stations
        return bool(stations.setting(person.station, "monitoring_announced"))

    def _whisper(self, request: Request) -> None:
        words = self._provisions.prompt_file(MONITORED, "zh-CN", "monitored")
        try:
            spied = next(iter(self._counselors_legs(request, self._ami.channels())), None)
            if spied is None:
                return
            self._ami.originate(
                f"{SAID}{request.id}", f"Local/{spied}@whispering/n", "whispered", GRACE_SECONDS,
                WORDS=words,
            )  # fmt: skip
        except ManagerException as error:
            log.error("monitoring_not_announced", request=request.id, reason=str(error))

    def _nobody(self, request: Request, result: DialResult) -> None:
        now = self._now()
        if request.monitors:
            self._over(request, result)
        else:
            self._controller.write(
                lambda tx: self._law.asked_in.not_answered(tx, request, result, now)
            )

    def _over(self, request: Request, result: DialResult) -> None:
        now = self._now()
        self._controller.write(lambda tx: self._law.monitoring.over(tx, request, result, now))

    def _step(self, request: Request, state: State, result: str = "") -> None:
        now = self._now()
        self._controller.store.write(
            lambda connection: desk_requests.step(connection, request, state, now, result)
        )

    def _phones(self, request: Request, row: CallRow | None) -> list[str]:
        """Dial strings of whom a request rings."""
        if row is None:
            return []
        phones: list[Phone]
        if request.target_kind is TargetKind.LINE:
            house = self._controller.house
            entry = self._controller.store.read(
                lambda c: sister_line(house, c, row, request.target)
            )
            line = self._provisions.directory_line(entry)
            phones = [line] if line is not None else []
        else:
            phones = self._provisions.phones_of(request.target)
        strings = (dial_string(one.address, one.kind == "outside") for one in phones)
        return [string for string in strings if string is not None]

    def _counselors_legs(self, request: Request, channels: Channels) -> dict[str, LiveChannel]:
        """Those of whoever asked for it, by unique id."""
        numbers = self._provisions.numbers_of(request.counselor_id)
        return {
            unique_id: leg
            for unique_id, leg in _of_ours(request.call_id, channels).items()
            if phone_of_channel(leg.name) in numbers
        }

    def _asked_in(self, request: Request, channels: Channels) -> dict[str, LiveChannel]:
        """The legs by which others came into a call."""
        open_ = self._controller.store.read(
            lambda c: desk_requests.open_of_call(c, request.call_id)
        )
        legs = {other.leg for other in open_ if other.adds_somebody}
        return {unique_id: leg for unique_id, leg in channels.items() if unique_id in legs}

    def _row(self, request: Request) -> CallRow | None:
        row = self._controller.store.read(lambda c: sessions.load(c, request.call_id))
        return row if row is not None and row.ended_at is None else None

    def _again(self, request: Request) -> Request:
        found = self._controller.store.read(lambda c: desk_requests.get(c, request.id))
        return found or request

    def _of_leg(self, leg: str) -> Request | None:
        if not leg.startswith(LEG):
            return None
        request_id = leg.removeprefix(LEG)
        return self._controller.store.read(lambda c: desk_requests.get(c, request_id))

    def _due(self, request: Request) -> bool:
        """Is it time to tell Asterisk, once more?"""
        told, now = self._told.get((request.id, request.state)), self._now()
        if told is not None and now < told + AGAIN:
            return False
        self._told[request.id, request.state] = now
        return True


def _settled(request: Request, now: datetime) -> bool:
    talks = request.state in (State.TALKING, State.JOINED)
    return talks and now - request.changed_at > SETTLED_AFTER


def _of_ours(call_id: str, channels: Channels) -> dict[str, LiveChannel]:
    """The legs of a call that talk with the caller, by unique id."""
    return {
        unique_id: leg
        for unique_id, leg in channels.items()
        if leg.call_id == call_id and unique_id != call_id and leg.bridged
        # Of an outside number: towards its trunk.
        and not leg.name.endswith(";2")
    }  # fmt: skip


def _confers(row: CallRow | None) -> bool:
    verbs = sessions.verbs_from_json(row.verbs) if row is not None else ()
    return bool(verbs) and isinstance(verbs[-1], Confer)


def _dials(row: CallRow | None) -> bool:
    verbs = sessions.verbs_from_json(row.verbs) if row is not None else ()
    return bool(verbs) and isinstance(verbs[-1], Dial)
