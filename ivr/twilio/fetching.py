"""Messages that are at Twilio's: each is copied here, then deleted there.

A row is written before the call goes on, so a message is fetched even if we die in between. It is
deleted there only once its copy is whole and on the disk; after a crash in between the copy counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import Column, Connection, Index, Table, Text, bindparam, select, text, update

from config.database import Instant, Store, metadata
from config.statements import Statement
from ivr.twilio.rest import TwilioUnavailable
from recordings.whole_file import whole_file

log = structlog.get_logger()

twilio_recordings = Table(
    "twilio_recordings",
    metadata,
    Column("recording_sid", Text, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("fetched_at", Instant),
    Index(
        "twilio_recordings_there",
        "made_at",
        sqlite_where=text("fetched_at IS NULL"),
        postgresql_where=text("fetched_at IS NULL"),
    ),
)

r = twilio_recordings.c
_known = Statement(select(r.reference).where(r.recording_sid == bindparam("sid")))
_made = Statement(twilio_recordings.insert())
_there = Statement(
    select(r.recording_sid, r.reference).where(r.fetched_at.is_(None)).order_by(r.made_at)
)
_fetched = Statement(
    update(twilio_recordings)
    .where(r.recording_sid == bindparam("sid"))
    .values(fetched_at=bindparam("at"))
)


class RecordingsThere(Protocol):
    """Twilio's side."""

    def recording(self, recording_sid: str) -> bytes | None:
        """The sound as WAV; None where it isn't ready or isn't there. Raises TwilioUnavailable."""

    def delete_recording(self, recording_sid: str) -> None:
        """Deleting it twice is no mistake. Raises TwilioUnavailable."""


def recording_made(store: Store, recording_sid: str, reference: str, at: datetime) -> None:
    """Told again, it changes nothing. Raises StoreUnavailable."""

    def work(connection: Connection) -> None:
        if _known.scalar(connection, sid=recording_sid) is None:
            _made.later(
                connection, recording_sid=recording_sid, reference=reference, made_at=at,
                fetched_at=None,
            )  # fmt: skip

    store.write(work)


def fetch_all(
    store: Store, there: RecordingsThere, folder: Path, now: Callable[[], datetime]
) -> int:
    """Fetch what can be fetched; how many were. Raises StoreUnavailable."""
    fetched = 0
    for sid, reference in store.read(_there.rows):
        try:
            if not _fetch(there, sid, folder / f"{reference}.wav"):
                continue
        except (TwilioUnavailable, OSError) as error:  # the others must not wait for this one
            log.error("twilio_recording_not_fetched", recording=reference, reason=str(error))
            continue
        store.write(partial(_fetched.later, sid=sid, at=now()))
        fetched += 1
    return fetched


def _fetch(there: RecordingsThere, sid: str, file: Path) -> bool:
    """Is it here, and there no more? A crash may have come after its deletion there."""
    sound = there.recording(sid)
    if sound is None:
        return file.exists()
    with whole_file(file) as kept:
        kept.write(sound)
        kept.flush()
        os.fsync(kept.fileno())
    there.delete_recording(sid)
    return True
