"""Browsers of the callers' page that are gone: a tab that was killed, a telephone whose battery is
empty. Such a call would wait in line as a silent caller, and ring a counselor.

Nobody is cut off for being silent. A browser that lives sends sound without a break, whether
anybody speaks or the microphone is off, so one is taken for gone by two things together: its
WebSocket hasn't been there for `AWAY_AFTER`, and for `SILENT_FOR` after that not one packet of
sound has come. Whoever is back before, by either, keeps the call and the place in line. Where it
can't be known what came, or a console that died has closed everybody's WebSocket, nobody is cut
off: the sound still comes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from asterisk.manager import ManagerException

from config.database import Store
from ivr import page_visits
from ivr.asterisk.ami import Ami
from ivr.sessions import node_of

log = structlog.get_logger()

SILENT_FOR = timedelta(seconds=60)
PACKETS = "CHANNEL(rtcp,rxcount,audio)"
"""How many have come from the browser:
https://docs.asterisk.org/Latest_API/API_Documentation/Dialplan_Functions/CHANNEL/"""


class PageCallers:
    """Of one Asterisk. :param now: gives the aware UTC time."""

    def __init__(self, store: Store, ami: Ami, node: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self._ami = ami
        self._node = node
        self._now = now
        self._heard: dict[str, tuple[str, datetime]] = {}
        """Of calls whose WebSocket is gone: how many packets had come, and since when so many."""

    def look(self) -> None:
        """Hang up for whoever is gone. Raises StoreUnavailable."""
        now = self._now()
        away = self._store.read(lambda connection: page_visits.away(connection, now))
        ours = [call_id for call_id in away if node_of(call_id) == self._node]
        self._heard = {one: heard for one, heard in self._heard.items() if one in ours}
        if not ours:
            return
        try:
            channels = self._ami.channels()
            for call_id in ours:
                if call_id in channels:
                    self._look_at(call_id, channels[call_id].name, now)
        except ManagerException as error:
            log.error("page_callers_not_seen", reason=str(error))

    def _look_at(self, call_id: str, channel: str, now: datetime) -> None:
        packets = self._ami.variable(channel, PACKETS)
        before, since = self._heard.get(call_id, ("", now))
        if not packets.isdecimal() or packets != before:
            self._heard[call_id] = (packets, now)
        elif now - since >= SILENT_FOR:
            log.warning("page_caller_gone", call_id=call_id)
            self._ami.hang_up(channel)
