"""Room on the disk for what must be written when the disk is full: the dialplan's spool.

A full disk stops the store and the spool alike, and an order that neither can take is lost. So a
file beside the spool keeps some room from everybody. The first commit that fails for want of room
frees a piece of it, and another whenever half of that one is used up: whatever filled the disk
must not take it all at once. Until the reserve is whole again the store writes nothing
(`Store.write`), or it would eat what was freed for the spool.

The file's size is the only state: every process that opens the store sees the same.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import structlog

log = structlog.get_logger()

PIECE = 4 * 2**20
"""Half of it is a message of the longest kind, or five hundred calls' reports."""
WHOLE = 8 * PIECE


class Reserve:
    """Made by the first `whole()` that finds room."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def whole(self) -> bool:
        """Is all of it there? What is missing is taken as soon as a piece is left over."""
        missing = WHOLE - self._size()
        if missing <= 0:
            return True
        try:
            first = not self._file.exists()
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._free() < missing + PIECE:
                return False
            with self._file.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, WHOLE)
        except OSError as error:
            log.error("reserve_not_made", file=str(self._file), reason=str(error))
            # Only want of room keeps the store from writing; anything else is an operator's.
            return error.errno != errno.ENOSPC
        if not first:
            log.warning("disk_has_room", file=str(self._file))
        return True

    def give(self) -> None:
        """The store could not commit: where the disk is full, free a piece."""
        try:
            size = self._size()
            if size and self._free() < PIECE / 2:
                left = max(0, size - PIECE)
                os.truncate(self._file, left)
                # Said only now: the log may be on the same disk.
                log.error("disk_full", file=str(self._file), reserve_left=left)
        except OSError as error:
            log.error("reserve_not_given", file=str(self._file), reason=str(error))

    def _size(self) -> int:
        try:
            return self._file.stat().st_size
        except FileNotFoundError:
            return 0

    def _free(self) -> int:
        return shutil.disk_usage(self._file.parent).free
