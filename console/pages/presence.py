"""Who is there: the counselors of a branch, or how many of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from itertools import groupby

from flask import Blueprint, Response, render_template

from agents.counselor import State
from config.database import StoreUnavailable
from console import sessions
from console.pages.streaming import message, streaming
from console.roles import Presence, Role
from console.streams import Messages
from console.visible import branch
from console.visitor import asked_by_the_page, needs, token, visitor
from console.watch import Present, Seen, Watch
from ivr.assembly import Assembly

BEAT_SECONDS = 15.0
"""Without any change a stream shows in between that it lives, and finds out whether it should."""


def pages(assembly: Assembly, watch: Watch, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("presence", __name__, url_prefix="/presence")
    store, stations = assembly.store, assembly.stations
    latest: dict[tuple[str, Role, str], tuple[int, list[Present], str]] = {}
    rendering = threading.Lock()

    @page.get("/")
    @needs(lambda may: may.presence)
    def show() -> str:
        people = watch.now(branch(stations, visitor().station))
        return render_template("presence.html", at=_stations(people))

    @page.get("/stream")
    @needs(lambda may: may.presence)
    @asked_by_the_page
    def stream() -> Response:
        return streaming(watch.presence, _told(), BEAT_SECONDS)

    def _told() -> Messages:
        theirs, mine, shown = branch(stations, visitor().station), token(), ""
        beat: bool | None = True
        while True:
            if beat and not _still_logged_in(mine):
                yield message(render_template("expired.html", part=True))
                return
            told = _rendered(theirs, watch.seen)
            if told != shown:
                yield told
                shown = told
            elif beat:
                yield ": still here\n\n"
            beat = yield None

    def _rendered(theirs: Collection[str], seen: Seen) -> str:
        """The message, made once for all who are shown the same."""
        if not seen.version:
            return ""
        who = visitor()
        alike = who.station, who.role, who.language
        with rendering:
            version, people, told = latest.get(alike, (0, [], ""))
            if version < seen.version:
                now_there = seen.at(theirs)
                if not told or now_there != people:
                    told = message(render_template("people.html", at=_stations(now_there)))
                latest[alike] = seen.version, now_there, told
            return told

    def _still_logged_in(mine: str) -> bool:
        try:
            return store.read(lambda c: sessions.find(c, mine, now())) is not None
        except StoreUnavailable:
            return True  # What cannot be known is asked at the next beat.

    def _stations(people: list[Present]) -> list[tuple[str, list[Present], Counter[State]]]:
        """Names of stations with who is there and how many are in each state."""
        named = visitor().may.presence is Presence.NAMED
        by_station = groupby(people, lambda one: one.station)
        found = [(stations.name(station), list(there)) for station, there in by_station]
        return [
            (name, there if named else [], Counter(one.state for one in there))
            for name, there in found
        ]

    return page
