"""Calls from the callers' page, as the dialplan asks about them before anything is heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from config.database import Store, StoreUnavailable
from ivr import page_visits
from ivr.asterisk.calls import call_id
from ivr.asterisk.channel import Channel

log = structlog.get_logger()


class VisitHandler:
    """Handles `visit`, whose argument is what the page was given: `VISIT_TOLD` becomes `taken` or
    `refused`, `REGION` what was chosen there. Where the store is down nothing is set, and the call
    goes on."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def __call__(self, channel: Channel) -> None:
        word, call = channel.env.get("agi_arg_1", ""), call_id(channel.env)
        try:
            taken, region = self._store.write(
                lambda connection: page_visits.take(connection, word, call, self._now())
            )
        except StoreUnavailable as error:
            log.error("visit_not_asked", call_id=call, reason=str(error))
            return
        channel.set_variables(VISIT_TOLD="taken" if taken else "refused", REGION=region or "")
