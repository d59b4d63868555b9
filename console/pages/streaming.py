"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, abort

from console.watch import Watch

STREAMS = 600
"""Pages that watch at once; each has a thread. A desk each of 300, and as many others."""


def streaming(watch: Watch, messages: Iterator[str]) -> Response:
    """An answer that goes on as long as the page is open."""
    if watch.watching(+1) > STREAMS:
        watch.watching(-1)
        abort(503)
    answer = Response(messages, mimetype="text/event-stream")
    answer.call_on_close(lambda: watch.watching(-1))
    return answer


def message(text: str, event: str = "") -> str:
    """One event of this name."""
    lines = [f"event: {event}", *(f"data: {line}" for line in text.splitlines() or [""])]
    return "\n".join(lines if event else lines[1:]) + "\n\n"
