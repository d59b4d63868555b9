"""What the dialplan wrote down while no engine could be told: a file a call.

Each becomes part of its order, or an order of its own where none was ever opened, and is deleted
only after the commit. A file that cannot be read is kept aside for a person, never lost.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from callflows.events import DialResult
from config.database import StoreUnavailable
from ivr import messages
from ivr.asterisk.calls import came_by
from ivr.asterisk.dialling import RESULTS, phone_number
from ivr.pending import OfferedCall

log = structlog.get_logger()

WRITTEN_SECONDS = 5.0
"""A file younger than this that cannot be read is still being written."""


@dataclass(frozen=True, slots=True)
class Report:
    """One call as the dialplan tells it. `last_resort`: the dialplan itself served the caller.
    `desk`: the number of the counselor's telephone that answered; `over`: it hung up first.
    `recording` and `recorded_seconds`: a message left there."""

    call: OfferedCall
    at: datetime
    last_resort: bool
    crisis: bool
    dial: DialResult | None
    dial_turn: int | None
    talk_seconds: int
    desk: str
    over: bool
    recording: str | None
    recorded_seconds: int


def import_spool(directory: Path, recordings: Path, tell: Callable[[Report], None]) -> int:
    """Tell every report of the spool, oldest first, and put its message with all the others in
    `recordings`; how many were told."""
    told = 0
    for file, written_at in _files(directory / "calls"):
        try:
            report = read_report(file, directory / "voicemail")
        except (ValueError, KeyError, TypeError) as error:
            if time.time() - written_at < WRITTEN_SECONDS:
                continue
            log.error("spool_file_unreadable", file=file.name, reason=str(error))
            file.rename(file.with_suffix(".unreadable"))
            continue
        try:
            tell(report)
            if report.recording is not None:
                recordings.mkdir(parents=True, exist_ok=True)
                message = f"{report.recording}.wav"
                shutil.move(directory / "voicemail" / message, recordings / message)
        except StoreUnavailable:
            return told
        except Exception:  # the other reports must not wait for this one
            log.exception("spool_file_not_imported", file=file.name)
            continue
        file.unlink(missing_ok=True)
        told += 1
    return told


def unread(directory: Path) -> set[str]:
    """The ids of calls whose reports are still to be told."""
    return {file.stem for file, _ in _files(directory / "calls")}


def _files(directory: Path) -> list[tuple[Path, float]]:
    """The reports that are there, and when each was written, oldest first."""
    found = []
    for file in directory.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):
            found.append((file, file.stat().st_mtime))
    return sorted(found, key=lambda item: item[1])


def read_report(file: Path, voicemail: Path) -> Report:
    """Raises ValueError, KeyError or TypeError for what isn't a report."""
    said = json.loads(file.read_text(encoding="utf-8"))
    call_id = said["call_id"]
    message = voicemail / call_id
    recorded = messages.samples(message) // messages.SAMPLES_A_SECOND
    turn = said["call_turn"]
    talk = said["talk_seconds"]
    return Report(
        call=OfferedCall(
            call_id,
            "asterisk",
            "",
            said["access_number"],
            said["caller"] or None,
            # An older dialplan wrote none.
            came_by=came_by(said.get("trunk", "")),
        ),
        at=datetime.fromtimestamp(int(said["at"]), UTC),
        last_resort=said["last_resort"] == "1",
        crisis=said["crisis"] == "1",
        dial=RESULTS.get(said["dial_status"]),
        dial_turn=int(turn) if turn.isdecimal() else None,
        talk_seconds=int(talk) if talk.isdecimal() else 0,
        desk=phone_number(said["dialled"]),
        over=bool(said["talk_over"]),
        recording=message.name if recorded else None,
        recorded_seconds=recorded,
    )
