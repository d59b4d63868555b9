"""Passwords as they are kept: Argon2id (RFC 9106, its second recommended choice)."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

SHORTEST = 12
LONGEST = 200
AT_ONCE = 2
"""Each takes 64 MiB and most of a processor: a flood of log-ins must leave some to callers."""

_hasher = PasswordHasher()
_turns = threading.BoundedSemaphore(AT_ONCE)
_nobodys = _hasher.hash("")


def problem(password: str, account_id: str) -> str | None:
    """Why it is refused, as a code: `short`, `long` or `name`; None where it isn't."""
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    if account_id.lower() in password.lower() and len(password) < 2 * SHORTEST:
        return "name"
    return None


def kept(password: str) -> str:
    """What the store keeps of it."""
    with _turns:
        return _hasher.hash(password)


def fits(password: str, stored: str | None) -> bool:
    """Takes as long where there is none stored, so that nobody learns which accounts exist."""
    with _turns:
        try:
            return _hasher.verify(stored or _nobodys, password[: LONGEST + 1]) and bool(stored)
        except VerificationError:
            return False
