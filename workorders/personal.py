"""Personal fields of an order: encrypted with a key of the order's own.

Destroying that key is deletion: the ciphertexts, and the digests in the events, which are keyed
with it too, tell nobody anything any more, while the chain of events still verifies. The key is
wrapped by the master key, so a stolen database alone opens nothing. A backup of the database
made before a deletion still holds the wrapped key: backups expire, or are cleaned, on their own.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from config.database import Instant, metadata
from workorders.keys import Keys

PERSONAL_FIELDS = ("caller_id", "safe_contact", "subject_ref", "risk_evidence", "summary")

order_secrets = Table(
    "order_secrets",
    metadata,
    Column("order_no", String, ForeignKey("orders.order_no"), primary_key=True),
    Column("wrapped_key", LargeBinary),
    Column("caller_hash", LargeBinary),
    *(Column(name, LargeBinary) for name in PERSONAL_FIELDS),
    Index("order_secrets_caller_hash", "caller_hash"),
)

order_drafts = Table(
    "order_drafts",
    metadata,
    Column("order_no", String, ForeignKey("orders.order_no"), primary_key=True),
    Column("author", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("form", LargeBinary, nullable=False),
)
"""Forms not yet saved; see `workorders.drafts`."""

_NONCE_BYTES = 12
_KEY_BYTES = 32


class Unreadable(Exception):
    """The key or the ciphertext isn't the one this order was given."""


class OrderKey:
    """The key of one order; `new` makes one, `unwrap` opens a stored one."""

    def __init__(self, order_no: str, key: bytes) -> None:
        self._order_no = order_no
        self._key = key
        self._cipher = AESGCM(key)

    @classmethod
    def new(cls, order_no: str) -> OrderKey:
        return cls(order_no, os.urandom(_KEY_BYTES))

    @classmethod
    def unwrap(cls, keys: Keys, order_no: str, wrapped: bytes) -> OrderKey:
        return cls(order_no, _open(_master(keys.master), wrapped, order_no))

    def wrapped(self, keys: Keys) -> bytes:
        return _seal(_master(keys.master), self._key, self._order_no)

    def encrypt(self, field: str, value: str) -> bytes:
        return _seal(self._cipher, value.encode(), f"{self._order_no}/{field}")

    def decrypt(self, field: str, stored: bytes) -> str:
        """Raises Unreadable for anything not encrypted for this field of this order."""
        return _open(self._cipher, stored, f"{self._order_no}/{field}").decode()

    def digest(self, field: str, value: str) -> str:
        """What the events carry of a personal value."""
        return hmac.digest(self._key, f"{field}\0{value}".encode(), "sha256").hex()


def caller_hash(keys: Keys, number: str) -> bytes:
    """By which the orders of a number (E.164) are found without storing it in clear."""
    return hmac.digest(keys.number, number.encode(), hashlib.sha256)


def sealed_of_number(keys: Keys, number_hash: bytes, text: str) -> bytes:
    """Something about whoever calls from a number, which is no order's."""
    return _seal(_master(keys.master), text.encode(), f"number/{number_hash.hex()}")


def opened_of_number(keys: Keys, number_hash: bytes, stored: bytes) -> str:
    """Raises Unreadable."""
    return _open(_master(keys.master), stored, f"number/{number_hash.hex()}").decode()


def sealed_fields(
    keys: Keys, key: OrderKey, fields: Mapping[str, str | None]
) -> dict[str, bytes | None]:
    """Columns of `order_secrets` for personal fields; an empty one is erased."""
    sealed: dict[str, bytes | None] = {
        name: key.encrypt(name, value) if value else None for name, value in fields.items()
    }
    if "caller_id" in fields:
        number = fields["caller_id"]
        sealed["caller_hash"] = caller_hash(keys, number) if number else None
    return sealed


def masked(number: str) -> str:
    """`138****8000` for a Chinese mobile, `****5678` for anything else."""
    national = number.removeprefix("+86")
    if len(national) == 11 and national.startswith("1"):
        return f"{national[:3]}****{national[-4:]}"
    return f"****{number[-4:]}" if len(number) > 6 else "****"


@lru_cache(maxsize=4)
def _master(key: bytes) -> AESGCM:
    return AESGCM(key)


def _seal(cipher: AESGCM, plain: bytes, context: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, context.encode())


def _open(cipher: AESGCM, stored: bytes, context: str) -> bytes:
    try:
        return cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise Unreadable(context) from error
