"""录音: what was recorded of an order's talks, for those who answer for how they were led."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response, abort, send_file

from console.audit import Action
from console.reading import note_reading
from console.visitor import needs
from ivr.assembly import Assembly
from ivr.talk_recordings import chain_of
from workorders.views import order_view


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("recordings", __name__, url_prefix="/orders")
    store, keys = assembly.store, assembly.log.keys

    @page.get("/<order_no>/recordings/<int:number>")
    @needs(lambda may: may.listens)
    def hear(order_no: str, number: int) -> Response:
        """One link of the chain, the first is 1, as WAV."""
        note_reading(assembly, order_no, now(), Action.RECORDING_OPENED, str(number))
        chain = chain_of(store.read(lambda connection: order_view(connection, keys, order_no)))
        if not 1 <= number <= len(chain):
            abort(404)
        file = assembly.settings.recordings_directory / f"{chain[number - 1].reference}.wav"
        if not file.is_file():
            abort(404)
        return send_file(file.absolute(), mimetype="audio/wav", conditional=True)

    return page
