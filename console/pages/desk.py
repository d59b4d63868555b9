"""工作台: the desk, where a counselor works the day."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request

from agents import roster
from console.visitor import needs, visitor
from console.websockets import admitted
from ivr.assembly import Assembly


def pages(assembly: Assembly) -> Blueprint:
    page = Blueprint("desk", __name__)
    store = assembly.store

    @page.get("/ws")
    @needs(lambda may: may.desk)
    def telephone() -> Response:
        """May this browser's WebSocket go to Asterisk?"""
        counselor = store.read(lambda c: roster.get(c, visitor().id))
        # A page of somebody else's would ask with our cookie.
        ours = request.headers.get("Origin") == request.host_url.rstrip("/")
        if not ours or counselor is None:
            abort(403)
        return admitted()

    return page
