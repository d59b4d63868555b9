"""A thousand webhooks at once, over real connections, and a store that is gone meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from ivr.twilio.carrier import webhook_server
from tests.postgresql import PostgreSQL
from tests.twilio_line import NUMBER, PUBLIC, TwilioLine, kinds

pytestmark = pytest.mark.long
AT_ONCE = 1000
SECONDS = 60.0
"""No answer is worth more to a test; Twilio waits for 15."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(line: TwilioLine) -> Iterator[None]:
    server = webhook_server(line.carrier.application, line.settings)
    server.start()
    try:
        yield
    finally:
        server.stop()


def form_of(line: TwilioLine, number: int) -> dict[str, str]:
    return {
        "CallSid": f"CA{number:032x}",
        "AccountSid": line.twilio.account_sid,
        "From": f"+86135{number:08d}",
        "To": NUMBER,
        "CallStatus": "ringing",
    }


def ask(line: TwilioLine, path: str, forms: list[dict[str, str]]) -> list[tuple[int, str]]:
    """Every form on a connection of its own, all at the same time; status and body of each."""
    signing = RequestValidator(line.twilio.auth_token)

    async def one(form: dict[str, str]) -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.settings.twilio_port)
        body = urlencode(form)
        signature = signing.compute_signature(PUBLIC + path, form)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"X-Twilio-Signature: {signature}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        answer = (await reader.read()).decode()
        writer.close()
        head, _, content = answer.partition("\r\n\r\n")
        return int(head.split(" ", 2)[1]), content

    async def all_of_them() -> list[tuple[int, str]]:
        return await asyncio.wait_for(asyncio.gather(*map(one, forms)), SECONDS)

    return asyncio.run(all_of_them())


def test_a_thousand_webhooks_at_once(tmp_path: Path, store_url: str) -> None:
    line = TwilioLine(tmp_path, store_url, twilio_port=free_port())
    calls = [form_of(line, number) for number in range(AT_ONCE // 2)]
    with served(line):
        # Each is told twice.
        answers = ask(line, "/twilio/call", calls * 2)
        assert Counter(status for status, _ in answers) == {200: AT_ONCE}
        assert all("<Gather" in document for _, document in answers)
        over = [form | {"CallStatus": "completed"} for form in calls]
        assert Counter(status for status, _ in ask(line, "/twilio/status", over * 2)) == {
            204: AT_ONCE
        }
    orders = line.orders(limit=AT_ONCE)
    assert len(orders) == AT_ONCE // 2
    assert {order["outcome"] for order in orders} == {"abandoned_in_menu"}
    line.close()


# Incoming phone number: an answer that is an error has the number's fallback asked.
@pytest.mark.postgresql
def test_with_the_database_down_every_caller_is_given_to_the_fallback_and_has_an_order(
    tmp_path: Path,
) -> None:
    server = PostgreSQL()
    line = TwilioLine(tmp_path, server.new_database(), twilio_port=free_port())
    calls = [form_of(line, number) for number in range(50)]
    before, meanwhile = calls[:10], calls[10:]
    with served(line):
        assert {status for status, _ in ask(line, "/twilio/call", before)} == {200}
        server.stop()
        assert {status for status, _ in ask(line, "/twilio/call", meanwhile)} == {503}
        keys = [form | {"Digits": "1", "CallStatus": "in-progress"} for form in before]
        assert {status for status, _ in ask(line, "/twilio/call/1", keys)} == {503}
        server.start()
        over = [form | {"CallStatus": "completed"} for form in calls]
        assert {status for status, _ in ask(line, "/twilio/status", over)} == {204}
    orders = line.orders(limit=AT_ONCE)
    assert {order["outcome"] for order in orders} == {"failed"}
    assert all("last_resort" in kinds(order) for order in orders)
    assert len(orders) == len(calls)
    line.close()
    server.remove()
