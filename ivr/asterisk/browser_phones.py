"""What the telephone in a counselor's browser logs in with.

The name and password alone open nothing. Asterisk takes a browser's telephone from loopback only,
that is through the console's TLS, which passes a WebSocket on to it for whoever is logged in and no
longer than that (`console/tls_front.py`): so the credentials are worth a session of the console. A
key of ours makes each password, which therefore is not the SIP telephone's and stands in no store;
the key is replaced twice a day (`rotation.py`).
"""

from __future__ import annotations

import hmac
from pathlib import Path

from config.settings import Settings
from ivr.asterisk.kept_secrets import kept_secret


def browser_name(number: str) -> str:
    """The account of the browser at the desk `number`."""
    return f"browser-{number}"


def key_file(settings: Settings) -> Path:
    return settings.data_directory / "keys-browsers"


def browser_password(settings: Settings, number: str) -> str:
    """Of that account, in hexadecimal figures."""
    key = kept_secret(key_file(settings))
    return hmac.digest(key.encode(), browser_name(number).encode(), "sha256").hex()
