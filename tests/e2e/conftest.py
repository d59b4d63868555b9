"""Fixtures of the tests on a real Asterisk with SIPp."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ivr.asterisk.conf_settings import Account, LastResortPrompts
from recordings.audio import write
from recordings.music import beep
from tests.e2e.asterisk import RunningAsterisk, free_settings
from tests.e2e.sipp import Telephones
from tests.e2e.stub_engine import Flow, StubEngine

ACCOUNTS = tuple(Account(str(1001 + n), "sip", f"secret-of-{1001 + n}") for n in range(12))


def secret(account: str) -> str:
    """The password of `sip-1001`."""
    return f"secret-of-{account.partition('-')[2]}"


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> LastResortPrompts:
    """Tones in place of speech."""
    folder = tmp_path_factory.mktemp("prompts")
    for name in ("apology", "stay", "accept"):
        write(beep() * 3, folder / f"{name}.wav")
    return LastResortPrompts(folder / "apology", folder / "stay", folder / "accept")


@pytest.fixture(scope="session")
def asterisk(
    tmp_path_factory: pytest.TempPathFactory, spoken: LastResortPrompts
) -> Iterator[RunningAsterisk]:
    """An Asterisk with two engines' addresses, a fallback phone (1011) and a duty phone (1012)."""
    settings = free_settings(tmp_path_factory.mktemp("asterisk"), spoken, engines=2)
    settings = replace(settings, fallback=("sip-1011",), duty_phones=("sip-1012",))
    running = RunningAsterisk(settings, ACCOUNTS)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def telephones(asterisk: RunningAsterisk) -> Iterator[Telephones]:
    phones = Telephones(asterisk.sip)
    yield phones
    phones.end()


@pytest.fixture
def flow() -> Flow:
    return Flow()


@pytest.fixture
def engines(asterisk: RunningAsterisk, flow: Flow) -> Iterator[list[StubEngine]]:
    """Stand-ins for both engines, running."""
    running = [StubEngine(address, flow) for address in asterisk.settings.engines]
    for engine in running:
        engine.start()
    yield running
    for engine in running:
        engine.stop()
