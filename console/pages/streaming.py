"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from flask import Response, abort, request

from console.outlet import OUTLET
from console.streams import Messages, Streams


def streaming(streams: Streams, messages: Messages, beat_seconds: float) -> Response:
    """An answer that goes on as long as the page is open.

    :param beat_seconds: how often `messages` is asked although nothing has changed.
    """
    outlet = request.environ.get(OUTLET)
    if outlet is None:
        abort(400)  # Asked on behalf of a WebSocket.
    if not streams.begin(messages, beat_seconds, outlet):
        abort(503)
    return Response(mimetype="text/event-stream")


def message(text: str, event: str = "") -> str:
    """One event of this name."""
    lines = [f"event: {event}", *(f"data: {line}" for line in text.splitlines() or [""])]
    return "\n".join(lines if event else lines[1:]) + "\n\n"
