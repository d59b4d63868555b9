"""Twilio's REST side, through Twilio's own client: few calls, each with a limit of time.

Source: Twilio, "Call resource", "Member resource", "Recording resource".
"""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime
from typing import Any, NamedTuple

import requests
from requests import RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from ivr.twilio.forms import ENDED

MEDIA = "https://api.twilio.com/2010-04-01"
SECONDS = 5.0
OK = 200
NOT_THERE = 404
OVER = 400
"""To who would end a call that is over ("Error dictionary", 21220)."""
NOT_IN_THE_QUEUE = (400, 404)
"""To whom asks for a call that has left its queue ("Member resource")."""
TROUBLE = 500
"""From here on a status tells of Twilio's own trouble: what was asked may have been done."""


FAILURES = (TwilioException, RequestException, OSError, ValueError)
"""What Twilio's client raises when it is refused, cut off, or answered by something else."""


class TwilioUnavailable(Exception):
    """Twilio's REST side didn't answer, or refused us."""


class EndedCall(NamedTuple):
    """A call that came to us and is over, in the words of a webhook."""

    sid: str
    from_: str
    to: str
    status: str


class LiveLeg(NamedTuple):
    """One whom a call rang and who is there. `to`: the Call resource's, of the telephone."""

    sid: str
    to: str
    since: datetime


class CallRefused(Exception):
    """Twilio did not place a call, why in words without any number."""


Download = Callable[[str, tuple[str, str]], tuple[int, bytes]]


def download(address: str, login: tuple[str, str]) -> tuple[int, bytes]:
    """Status and content: Twilio's client would make text of it. Raises RequestException."""
    response = requests.get(address, auth=login, timeout=SECONDS)
    return response.status_code, response.content


def client(account_sid: str, auth_token: str, http: HttpClient | None = None) -> Client:
    """Twilio's own client. `http`: what carries its requests; None: the network, each request with
    a limit of time."""
    return Client(account_sid, auth_token, http_client=http or TwilioHttpClient(timeout=SECONDS))


class TwilioRest:
    """:param http: what carries Twilio's client's requests; None: the network. `download`: what
    fetches a file.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        http: HttpClient | None = None,
        download: Download = download,
    ) -> None:
        self._client = client(account_sid, auth_token, http)
        self._login = (account_sid, auth_token)
        self._queues: dict[str, str] = {}
        self._download = download

    def dequeue(self, call_sid: str, queue: str, address: str) -> None:
        """Have a call that waits in the queue of this name ask `address` for what comes next; one
        that doesn't wait there is left alone. Raises TwilioUnavailable."""
        sid = self._queue_sid(queue)
        if sid is not None:
            member = self._client.queues(sid).members(call_sid)
            self._asked(
                lambda: member.update(url=address, method="POST"), no_matter=NOT_IN_THE_QUEUE
            )

    def _queue_sid(self, name: str) -> str | None:
        if name not in self._queues:
            for queue in self._asked(self._client.queues.list):
                self._queues[queue.friendly_name] = queue.sid
        return self._queues.get(name)

    def ended_since(self, since: datetime) -> list[EndedCall]:
        """Calls to us that were over at `since` or later. Raises TwilioUnavailable."""
        calls = self._asked(lambda: self._client.calls.list(end_time_after=since))
        return [
            EndedCall(call.sid, call._from, call.to, str(call.status))
            for call in calls
            if call.direction == "inbound" and str(call.status) in ENDED
        ]

    def talking(self, call_sid: str) -> list[LiveLeg]:
        """Whom a call rang and who has picked up, as long as they are there. Raises
        TwilioUnavailable."""
        legs = self._asked(
            lambda: self._client.calls.list(parent_call_sid=call_sid, status="in-progress")
        )
        return [
            LiveLeg(str(leg.sid), leg.to, leg.start_time)
            for leg in legs
            if leg.start_time is not None
        ]

    def message(self, call_sid: str) -> tuple[str, int] | None:
        """A call's last recording, and its seconds; None where there is none. Raises
        TwilioUnavailable."""
        found = self._asked(lambda: self._client.recordings.list(call_sid=call_sid, limit=1))
        return next(((made.sid, max(0, int(made.duration or 0))) for made in found), None)

    def ended(self, call_sid: str) -> bool:
        """Is a call over, or unknown? Raises TwilioUnavailable."""
        status = self.status(call_sid)
        return status is None or status in ENDED

    def status(self, call_sid: str) -> str | None:
        """How a call stands; None for one that is unknown. Raises TwilioUnavailable."""
        call = self._asked(lambda: self._client.calls(call_sid).fetch(), no_matter=(NOT_THERE,))
        return str(call.status) if call is not None else None

    def place(self, to: str, from_: str, address: str, told: str, ring_seconds: int) -> str:
        """Create a call; its SID. Done twice it rings twice. Raises CallRefused where there is no
        call for certain, TwilioUnavailable where there may be one.

        :param address: asked what to do when it is answered. `told`: told how it goes on.
        """
        try:
            call = self._do(
                lambda: self._client.calls.create(
                    to=to,
                    from_=from_,
                    url=address,
                    status_callback=told,
                    status_callback_event=["initiated", "ringing", "answered", "completed"],
                    timeout=ring_seconds,
                )
            )
        except TwilioRestException as error:
            if error.status >= TROUBLE:
                raise TwilioUnavailable(f"HTTP {error.status}") from error
            # Its own words may tell the number.
            raise CallRefused(
                f"Twilio refuses it, see https://www.twilio.com/docs/errors/{error.code}"
            ) from error
        return str(call.sid)

    def hang_up(self, call_sid: str) -> None:
        """End a call; one that is over is left alone. Raises TwilioUnavailable."""
        call = self._client.calls(call_sid)
        self._asked(lambda: call.update(status="completed"), no_matter=(NOT_THERE, OVER))

    def redirect(self, call_sid: str, address: str) -> None:
        """Have a call ask `address` for what comes next; one that is over is left alone. Raises
        TwilioUnavailable."""
        call = self._client.calls(call_sid)
        self._asked(lambda: call.update(url=address, method="POST"), no_matter=(NOT_THERE, OVER))

    def placed(self, to: str, from_: str, since: datetime) -> list[str]:
        """SIDs of the calls that were created from one number to one telephone, newest first;
        legs of a Dial are none. Raises TwilioUnavailable."""
        calls = self._client.calls
        # One that isn't dialled yet has no time at which it started.
        found = self._asked(
            lambda: [
                *calls.list(to=to, from_=from_, status="queued"),
                *calls.list(to=to, from_=from_, start_time_after=since),
            ]
        )
        return [str(call.sid) for call in found if call.direction == "outbound-api"]

    def recording(self, recording_sid: str) -> bytes | None:
        """The sound as WAV; None where it isn't ready or isn't there. Raises
        TwilioUnavailable."""
        address = f"{MEDIA}/Accounts/{self._login[0]}/Recordings/{recording_sid}.wav"
        status, content = self._do(lambda: self._download(address, self._login))
        if status == NOT_THERE:
            return None
        if status != OK:
            raise TwilioUnavailable(f"recording: HTTP {status}")
        return bytes(content)

    def delete_recording(self, recording_sid: str) -> None:
        """Deleting it twice is no mistake. Raises TwilioUnavailable."""
        self._asked(self._client.recordings(recording_sid).delete, no_matter=(NOT_THERE,))

    def _asked(self, ask: Any, no_matter: Container[int] = ()) -> Any:
        """What Twilio answers; None where it refuses with a status that is `no_matter`. Raises
        TwilioUnavailable."""
        try:
            return self._do(ask)
        except TwilioRestException as error:
            if error.status in no_matter:
                return None
            raise TwilioUnavailable(str(error.msg)) from error

    @staticmethod
    def _do(ask: Any) -> Any:
        try:
            return ask()
        except TwilioRestException:
            raise
        except FAILURES as error:
            raise TwilioUnavailable(type(error).__name__) from error
