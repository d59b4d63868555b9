"""The secrets of the log, kept outside the database.

Whoever holds the database alone can neither read personal data nor forge an event. Losing the
keys loses both: back them up apart from the database.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

KEY_BYTES = 32


class KeysUnusable(Exception):
    """The key folder is incomplete, damaged or readable by others; says which and what to do."""


@dataclass(frozen=True, slots=True)
class Keys:
    """`master` wraps the orders' own keys, `chain` marks events and seals, `number` hashes
    callers' numbers. Each 32 bytes; never printed."""

    master: bytes = field(repr=False)
    chain: bytes = field(repr=False)
    number: bytes = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> Keys:
        """The keys in `folder`; made there at the first start.

        Raises KeysUnusable. Several processes may start at once: one makes the keys, all load
        the same.
        """
        if not folder.exists():
            _create(folder)
        return cls(*(_read(folder / f"{name}.key") for name in ("master", "chain", "number")))


def _create(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    for name in ("master", "chain", "number"):
        descriptor = os.open(draft / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
    _sync_folder(draft)
    try:
        draft.rename(folder)
    except OSError:  # another process was first: its keys hold
        for file_ in draft.iterdir():
            file_.unlink()
        draft.rmdir()
        if not folder.is_dir():
            raise
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise KeysUnusable(f"{path} can be read by other users: chmod 600 it")
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise KeysUnusable(
            f"{path} is missing or damaged: restore it from its backup; a new key would make "
            "the existing orders unreadable"
        ) from error
    if len(key) != KEY_BYTES:
        raise KeysUnusable(f"{path} does not hold {KEY_BYTES} bytes in hexadecimal")
    return key
