"""An event as it is chained to the one before: its content and its mark."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workorders.canonical import canonical, instant
from workorders.keys import Keys


def mark(
    keys: Keys, before: bytes, order_no: str, seq: int, kind: str, at: datetime, actor: str,
    data: str,
) -> bytes:  # fmt: skip
    """The mark of an event after the one marked `before`."""
    content = canonical([order_no, seq, kind, instant(at), actor, data])
    return hmac.digest(keys.chain, b"event\0" + before + content.encode(), "sha256")


def chained(
    keys: Keys, order_no: str, seq: int, before: bytes, kind: str, at: datetime, actor: str,
    data: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The row of an event after the one marked `before`."""
    text = canonical(data)
    return {
        "order_no": order_no,
        "seq": seq,
        "kind": kind,
        "at": at,
        "actor": actor,
        "data": text,
        "mac": mark(keys, before, order_no, seq, kind, at, actor, text),
    }


def plain(columns: Mapping[str, Any]) -> dict[str, Any]:
    """As a later reader of the event will find them, so that both derive the same row."""
    read: dict[str, Any] = json.loads(canonical(columns))
    return read
