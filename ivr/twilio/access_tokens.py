"""What a counselor's browser shows Twilio in order to be rung.

A token is one counselor's: it names the Twilio client that the roster gives to nobody but them,
takes calls and places none. It cannot be taken back, so it lives shortly and the desk fetches the
next.

Source: Twilio, "Access Tokens", "Voice JavaScript SDK".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from agents.roster import Counselor
from config.settings import Settings

LIFE = timedelta(minutes=10)
"""Whoever logs out, or loses a laptop, rings no longer than this. A talk that has begun goes on
without a token, and a desk that cannot fetch one for minutes cannot show a caller either."""

KIND = "twilio_client"


class NoToken(Exception):
    """Why there is no token, in one line with the way out."""


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Signed with an API key of the account's, which can be withdrawn alone."""

    account_sid: str
    key_sid: str
    key_secret: str = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Raises NoToken where the settings have no key."""
        secret = settings.twilio_api_key_secret
        if secret is None:
            raise NoToken(
                "browsers cannot be rung: set IVR_TWILIO_API_KEY_SID and "
                "IVR_TWILIO_API_KEY_SECRET to an API key of the account's"
            )
        return cls(
            settings.twilio_account_sid, settings.twilio_api_key_sid, secret.get_secret_value()
        )

    def token(self, identity: str, now: datetime) -> str:
        """A JWT by which a browser is rung as `client:identity`, from `now` on for `LIFE`."""
        since = int(now.timestamp())
        token = AccessToken(
            self.account_sid,
            self.key_sid,
            self.key_secret,
            grants=[VoiceGrant(incoming_allow=True)],
            identity=identity,
            nbf=since,
            valid_until=since + int(LIFE.total_seconds()),
        )
        return str(token.to_jwt())


def identity_of(everybody: Sequence[Counselor], counselor_id: str) -> str:
    """The Twilio client of one counselor. Raises NoToken, also where somebody else has the same:
    each could take the other's calls."""
    who = next((person for person in everybody if person.id == counselor_id), None)
    if who is None:
        raise NoToken(f"no counselor {counselor_id}")
    identity = next(_clients(who), None)
    if identity is None:
        raise NoToken(f"{counselor_id} has no {KIND} among its contacts: add one to the roster")
    for other in everybody:
        if other is not who and identity in _clients(other):
            raise NoToken(
                f"{identity} is the {KIND} of {counselor_id} and of {other.id}: give each their own"
            )
    return identity


def wrong(settings: Settings, everybody: Iterable[Counselor]) -> Iterator[str]:
    """Who of the roster can't be rung for want of a key, in a line with the way out."""
    browsers = [person.id for person in everybody if any(_clients(person))]
    if browsers and settings.twilio_api_key_secret is None:
        yield (
            f"the browsers of {', '.join(browsers)} cannot be rung: set IVR_TWILIO_API_KEY_SID and "
            "IVR_TWILIO_API_KEY_SECRET"
        )


def _clients(person: Counselor) -> Iterator[str]:
    return (contact.address for contact in person.contacts if contact.kind == KIND)
