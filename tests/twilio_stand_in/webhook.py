"""Requests to the server under test: signed, retried and recorded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import parse_qsl, urldefrag, urlencode

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from tests.twilio_stand_in.clock import Clock
from tests.twilio_stand_in.failures import (
    CONNECTION_REFUSED,
    HTTP_RETRIEVAL_FAILURE,
    TOTAL_TIME_OUT,
    DocumentFailed,
)
from tests.twilio_stand_in.fetching import Fetch, Reply
from tests.twilio_stand_in.process import Steps, Work, sleep

# Webhooks: Connection Overrides: no call-related request may take longer, whatever is set.
HARD_LIMIT = 15.0


@dataclass
class Signing:
    """How requests are signed; each field is a knob for a test of the other side's checks."""

    token: str
    enabled: bool = True
    address: Callable[[str], str] = lambda url: url


@dataclass
class Exchange:
    """One request to the server under test and what came of it."""

    at: datetime
    method: str
    url: str
    form: Mapping[str, str]
    headers: Mapping[str, str]
    reply: Reply | None = None
    failure: str = ""

    @property
    def status(self) -> int | None:
        return self.reply.status if self.reply else None


@dataclass(frozen=True)
class Overrides:
    """Webhooks: Connection Overrides: key=value pairs in a URL's fragment, with the defaults."""

    ct: int = 5000
    rt: int = 15000
    tt: int = 15000
    rc: int = 1
    rp: str = "ct"
    sni: str = "y"
    e: str = "ashburn"

    @classmethod
    def of(cls, fragment: str) -> Overrides:
        pairs = dict(parse_qsl(fragment))
        return cls(
            **{key: int(value) if value.isdigit() else value for key, value in pairs.items()}  # type: ignore[arg-type]
        )

    def retries(self, kind: str) -> bool:
        return kind in self.rp.split(",") or self.rp == "all"


@dataclass
class Webhooks:
    """Twilio as an HTTP client."""

    clock: Clock
    fetch: Fetch
    signing: Signing
    latency: Callable[[str], float] = lambda url: 0.0
    exchanges: list[Exchange] = field(default_factory=list)
    _tokens: itertools.count[int] = field(default_factory=itertools.count)

    def request(
        self, url: str, method: str, parameters: Mapping[str, str], record: list[Exchange]
    ) -> Steps[Reply]:
        """Fetch with the documented retries; raises DocumentFailed when they are used up."""
        address, fragment = urldefrag(url)
        overrides = Overrides.of(fragment)
        began = self.clock.elapsed
        headers = {"I-Twilio-Idempotency-Token": f"token-{next(self._tokens)}"}
        for attempt in range(1 + overrides.rc):
            left = min(overrides.tt / 1000, HARD_LIMIT) - (self.clock.elapsed - began)
            exchange = self._exchange(address, method, parameters, headers)
            record.append(exchange)
            kind, code = yield from self._attempt(exchange, min(overrides.rt / 1000, left))
            if exchange.reply is not None and not kind:
                return exchange.reply
            spent = self.clock.elapsed - began >= min(overrides.tt / 1000, HARD_LIMIT)
            if spent or attempt == overrides.rc or not overrides.retries(kind):
                raise DocumentFailed(code, address, exchange.failure)
        raise AssertionError("the last attempt returns or raises")

    def resend(self, exchange: Exchange) -> Steps[Exchange]:
        """The very same request again, old signature and old token."""
        again = replace(exchange, at=self.clock.now(), reply=None, failure="")
        self.exchanges.append(again)
        yield from self._attempt(again, HARD_LIMIT)
        return again

    def _exchange(
        self, url: str, method: str, parameters: Mapping[str, str], headers: Mapping[str, str]
    ) -> Exchange:
        if method == "GET":
            joint = "&" if "?" in url else "?"
            url, form = url + joint + urlencode(parameters), {}
        else:
            form = dict(parameters)
        signed = dict(headers)
        if self.signing.enabled:
            # Webhooks security: HMAC-SHA1 with the auth token over the whole URL, without its
            # fragment, and over each POST parameter, name and value, sorted by name.
            validator = RequestValidator(self.signing.token)
            signed["X-Twilio-Signature"] = validator.compute_signature(
                self.signing.address(url), form
            )
        exchange = Exchange(self.clock.now(), method, url, form, signed)
        self.exchanges.append(exchange)
        return exchange

    def _attempt(self, exchange: Exchange, limit: float) -> Steps[tuple[str, int]]:
        """The kind of failure, as retry policies call it, and its code; no kind is success."""
        began = self.clock.elapsed
        latency = self.latency(exchange.url)
        try:
            reply = yield Work(
                lambda: self.fetch(exchange.method, exchange.url, exchange.form, exchange.headers),
                min(latency, limit),
            )
            if latency > limit:
                raise TimeoutError(f"no answer within {limit:g} s")
        except TimeoutError as failure:
            # The virtual clock stood still while nothing came: the wait is over at the limit.
            yield from sleep(limit - (self.clock.elapsed - began), self.clock)
            exchange.failure = str(failure) or "timed out"
            return "rt", TOTAL_TIME_OUT
        except OSError as failure:
            exchange.failure = str(failure) or "connection refused"
            return "ct", CONNECTION_REFUSED
        exchange.reply = reply
        if reply.status >= 300:
            exchange.failure = f"status {reply.status}"
            return f"{reply.status // 100}xx", HTTP_RETRIEVAL_FAILURE
        return "", 0
