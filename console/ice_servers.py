"""STUN and TURN servers for a browser behind a router, each with a password for this browser alone.

As in "A REST API for Access to TURN Services" (draft-uberti-behave-turn-rest-00): the user's name
holds the second in which it ends, the password is its HMAC-SHA1 with a secret that TURN server and
console share. TURN asks again in a call, so it lasts longer than any.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime, timedelta

from config.settings import Settings

LIFE = timedelta(hours=6)


def ice_servers(settings: Settings, who: str, now: datetime) -> list[dict[str, object]]:
    """As RTCPeerConnection takes them (https://www.w3.org/TR/webrtc/#dom-rtciceserver)."""
    stun = [url for url in settings.ice_urls if url.startswith("stun")]
    turn = [url for url in settings.ice_urls if url.startswith("turn")]
    found: list[dict[str, object]] = [{"urls": stun}] if stun else []
    if turn and settings.turn_secret is not None:
        name = f"{int((now + LIFE).timestamp())}:{who}"
        secret = settings.turn_secret.get_secret_value()
        password = base64.b64encode(hmac.digest(secret.encode(), name.encode(), "sha1")).decode()
        found.append({"urls": turn, "username": name, "credential": password})
    return found
