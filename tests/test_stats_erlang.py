"""Erlang B, C and A against published values, their limits and the chain itself."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.erlang import (
    abandoned_a,
    answered_within_a,
    answered_within_c,
    erlang_b,
    erlang_c,
    mean_wait_a,
    mean_wait_c,
    waiting_a,
)

HANDLING = 180.0
servers_ = st.integers(1, 60)
loads = st.floats(0.01, 80)
patiences = st.floats(1, 2000)
moments = st.floats(0, 600)


# "Carrier Grade Voice over IP", second edition, appendix A "Table of Erlang B": the load, to a
# tenth, that so many channels carry at each blocking probability.
BLOCKING = (
    0.0001, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006,
    0.007, 0.008, 0.009, 0.01, 0.02, 0.03, 0.04, 0.05,
)  # fmt: skip
CARRIED = {
    6: (0.7, 1.0, 1.1, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.8, 1.9, 1.9, 2.3, 2.5, 2.8, 3.0),
    7: (1.1, 1.4, 1.6, 1.8, 1.9, 2.1, 2.2, 2.2, 2.3, 2.4, 2.4, 2.5, 2.9, 3.2, 3.5, 3.7),
    8: (1.4, 1.8, 2.1, 2.3, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.1, 3.1, 3.6, 4.0, 4.3, 4.5),
    9: (1.8, 2.3, 2.6, 2.9, 3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8, 4.3, 4.7, 5.1, 5.4),
}


@pytest.mark.parametrize(
    ("channels", "blocking", "load"),
    [
        (channels, blocking, load)
        for channels, row in CARRIED.items()
        for blocking, load in zip(BLOCKING, row, strict=True)
    ],
)
def test_table_of_erlang_b(channels: int, blocking: float, load: float) -> None:
    assert erlang_b(channels, load - 0.05) <= blocking <= erlang_b(channels, load + 0.05)


def test_erlang_b_of_15_lines() -> None:
    """erlang.com, "How much traffic can a trunk group handle": 8.108 Erlang at 0.01."""
    assert erlang_b(15, 8.1075) < 0.01 < erlang_b(15, 8.1085)


@pytest.mark.parametrize(("channels", "load", "waiting"), [(8, 3.87, 0.05), (10, 4.08, 0.01)])
def test_table_of_erlang_c(channels: int, load: float, waiting: float) -> None:
    """ "Digital Mobile Communications and the TETRA System", appendix, "Erlang C Table"."""
    assert erlang_c(channels, load - 0.005) < waiting < erlang_c(channels, load + 0.005)


def test_erlang_c_of_10_erlang() -> None:
    """README of the R package ErlangC: 100 calls in 30 minutes, of 180 s, answered within 20 s."""
    assert erlang_c(11, 10) == pytest.approx(0.6821182, abs=5e-8)
    assert answered_within_c(11, 10, 180, 20) == pytest.approx(0.3896138, abs=5e-8)
    assert erlang_c(14, 10) == pytest.approx(0.1741319, abs=5e-8)
    assert answered_within_c(14, 10, 180, 20) == pytest.approx(0.88835, abs=5e-6)
    assert mean_wait_c(14, 10, 180) == pytest.approx(7.83593701177724, rel=1e-12)


def test_erlang_a_of_50_agents() -> None:
    """Garnett, Mandelbaum & Reiman, "Designing a call center with impatient customers", the
    comparison of 50 agents at 48 calls a minute of 1 minute with and without abandonment, mean
    patience 2 minutes: 3.1 % abandon, wait 3.7 s instead of 20.8 s, 3 in queue, 93 % busy."""
    abandoned = abandoned_a(50, 48, 60, 120)
    assert round(abandoned, 3) == 0.031
    assert round(mean_wait_a(50, 48, 60, 120), 1) == 3.7
    assert round(mean_wait_a(50, 48, 60, 120) * 48 / 60) == 3
    assert round(48 * (1 - abandoned) / 50, 2) == 0.93
    assert round(mean_wait_c(50, 48, 60), 1) == 20.8


@pytest.mark.parametrize(
    ("servers", "utilisation", "patience", "abandoned"),
    [
        (10, 0.95, 5, 0.090), (10, 0.95, 1, 0.136), (10, 0.95, 30, 0.043),
        (4, 1.3, 5, 0.285), (10, 1.3, 5, 0.248), (50, 1.3, 5, 0.231), (200, 1.3, 5, 0.2308),
        (4, 1.1, 5, 0.209), (10, 1.1, 5, 0.153), (50, 1.1, 5, 0.104), (200, 1.1, 5, 0.092),
    ],
)  # fmt: skip
def test_erlang_a_overloaded_too(
    servers: int, utilisation: float, patience: float, abandoned: float
) -> None:
    """S. Hanisch, README of erlang-a-demo: who abandons, for calls of 3 minutes."""
    digits = 4 if abandoned == 0.2308 else 3
    assert round(abandoned_a(servers, servers * utilisation, 3, patience), digits) == abandoned


@pytest.mark.parametrize(
    ("servers", "by_c", "by_a"), [(4, 13.4, 0.77), (10, 4.95, 0.45), (50, 0.75, 0.15)]
)
def test_mean_waits_with_and_without_abandonment(servers: int, by_c: float, by_a: float) -> None:
    """As above: minutes, at 95 %, patience 5 minutes."""
    assert mean_wait_c(servers, servers * 0.95, 3) == pytest.approx(by_c, abs=0.05)
    assert mean_wait_a(servers, servers * 0.95, 3, 5) == pytest.approx(by_a, abs=0.005)


@given(servers_, loads)
def test_as_patient_as_handled_is_endless_servers(servers: int, load: float) -> None:
    """With equal means each call leaves at one rate, waiting or not: their number is Poisson."""
    weights = [math.exp(n * math.log(load) - load - math.lgamma(n + 1)) for n in range(servers)]
    assert waiting_a(servers, load, HANDLING, HANDLING) == pytest.approx(1 - sum(weights), abs=1e-9)


@given(st.integers(1, 40), st.floats(0.1, 50), st.floats(20, 1500), st.floats(0, 300))
def test_erlang_a_is_what_its_chain_says(
    servers: int, load: float, patience: float, within: float
) -> None:
    chain = _chain(servers, load, HANDLING / patience)
    queue = chain[servers:]
    assert waiting_a(servers, load, HANDLING, patience) == pytest.approx(sum(queue), abs=1e-10)
    queued = sum(waiting * share for waiting, share in enumerate(queue))
    assert mean_wait_a(servers, load, HANDLING, patience) == pytest.approx(
        queued * HANDLING / load, abs=1e-7
    )
    assert abandoned_a(servers, load, HANDLING, patience) == pytest.approx(
        queued * HANDLING / patience / load, abs=1e-10
    )
    in_time = sum(chain[:servers]) + _served_by(queue, servers / HANDLING, 1 / patience, within)
    assert answered_within_a(servers, load, HANDLING, patience, within) == pytest.approx(
        in_time, abs=1e-8
    )


def _chain(servers: int, load: float, ratio: float) -> list[float]:
    """The stationary distribution of the number of calls, of as many as matter."""

    def weights() -> Iterator[float]:
        log_weight = 0.0
        calls = 0
        while calls <= servers or log_weight > -80 or calls < 2 * load:
            yield log_weight
            calls += 1
            leaving = min(calls, servers) + max(calls - servers, 0) * ratio
            log_weight += math.log(load / leaving)

    logs = list(weights())
    top = max(logs)
    shares = [math.exp(log - top) for log in logs]
    return [share / sum(shares) for share in shares]


def _served_by(ahead: list[float], served: float, hung_up: float, within: float) -> float:
    """Who is served within this time, of callers with 0, 1, 2 … ahead of them: their chain
    step by step (uniformization). All servers together serve at the rate `served`, each caller
    hangs up at the rate `hung_up`."""
    while len(ahead) > 1 and ahead[-1] < 1e-12:
        ahead = ahead[:-1]
    fastest = served + len(ahead) * hung_up
    steps = fastest * within
    done, expected, standing = 0.0, 0.0, list(ahead)
    for step in range(int(steps + 12 * math.sqrt(steps) + 40)):
        poisson = math.exp(step * math.log(steps) - steps - math.lgamma(step + 1)) if steps else 0
        expected += poisson * done
        done += standing[0] * served / fastest
        standing = [
            share * (1 - (served + (place + 1) * hung_up) / fastest)
            + (standing[place + 1] * (served + (place + 1) * hung_up) / fastest
               if place + 1 < len(standing) else 0)
            for place, share in enumerate(standing)
        ]  # fmt: skip
    return expected


@given(servers_, st.floats(0.01, 0.95))
def test_endless_patience_is_erlang_c(servers: int, utilisation: float) -> None:
    load = servers * utilisation
    assert waiting_a(servers, load, 1, 1e8) == pytest.approx(erlang_c(servers, load), abs=1e-4)
    assert answered_within_a(servers, load, 1, 1e8, 0.1) == pytest.approx(
        answered_within_c(servers, load, 1, 0.1), abs=1e-4
    )
    assert mean_wait_a(servers, load, 1, 1e8) == pytest.approx(
        mean_wait_c(servers, load, 1), rel=1e-3, abs=1e-4
    )


@given(servers_, loads)
def test_no_patience_is_erlang_b(servers: int, load: float) -> None:
    lost = erlang_b(servers, load)
    assert abandoned_a(servers, load, 1, 1e-9) == pytest.approx(lost, abs=1e-6)
    assert answered_within_a(servers, load, 1, 1e-9, 10) == pytest.approx(1 - lost, abs=1e-6)


@given(servers_, loads, patiences, moments)
def test_shares_are_shares(servers: int, load: float, patience: float, within: float) -> None:
    waiting = waiting_a(servers, load, HANDLING, patience)
    abandoned = abandoned_a(servers, load, HANDLING, patience)
    in_time = answered_within_a(servers, load, HANDLING, patience, within)
    assert 0 <= abandoned <= waiting <= 1
    assert 1 - waiting - 1e-12 <= in_time <= 1 - abandoned + 1e-12
    assert 0 <= erlang_b(servers, load) <= erlang_c(servers, load) <= 1
    assert 0 <= answered_within_c(servers, load, HANDLING, within) <= 1


@given(servers_, loads, patiences, moments)
def test_one_more_server_is_better(
    servers: int, load: float, patience: float, within: float
) -> None:
    more = servers + 1
    assert erlang_b(more, load) <= erlang_b(servers, load)
    assert erlang_c(more, load) <= erlang_c(servers, load)
    assert abandoned_a(more, load, HANDLING, patience) <= (
        abandoned_a(servers, load, HANDLING, patience) + 1e-12
    )
    assert answered_within_c(more, load, HANDLING, within) >= (
        answered_within_c(servers, load, HANDLING, within) - 1e-12
    )
    assert answered_within_a(more, load, HANDLING, patience, within) >= (
        answered_within_a(servers, load, HANDLING, patience, within) - 1e-12
    )


@given(servers_, loads, st.floats(1.001, 2), patiences, moments)
def test_more_load_is_worse(
    servers: int, load: float, times: float, patience: float, within: float
) -> None:
    more = load * times
    assert erlang_b(servers, more) >= erlang_b(servers, load)
    assert erlang_c(servers, more) >= erlang_c(servers, load)
    assert abandoned_a(servers, more, HANDLING, patience) >= (
        abandoned_a(servers, load, HANDLING, patience) - 1e-12
    )
    assert answered_within_a(servers, more, HANDLING, patience, within) <= (
        answered_within_a(servers, load, HANDLING, patience, within) + 1e-12
    )


@given(servers_, loads, patiences, st.floats(1.001, 5))
def test_more_patience_is_more_waiting_and_less_hanging_up(
    servers: int, load: float, patience: float, times: float
) -> None:
    more = patience * times
    assert waiting_a(servers, load, HANDLING, more) >= (
        waiting_a(servers, load, HANDLING, patience) - 1e-12
    )
    assert abandoned_a(servers, load, HANDLING, more) <= (
        abandoned_a(servers, load, HANDLING, patience) + 1e-12
    )


def test_hundreds_of_servers_and_a_long_patience_far_overloaded() -> None:
    assert abandoned_a(400, 800, 600, 86_400) == pytest.approx(0.5, abs=1e-9)
    assert answered_within_a(400, 800, 600, 86_400, 3600) == pytest.approx(0, abs=1e-9)
    assert answered_within_a(3000, 10, 600, 90, 0) == 1
    assert erlang_b(3000, 10) == 0


def test_no_load_waits_for_nobody() -> None:
    assert erlang_c(1, 0) == waiting_a(1, 0, 60, 60) == abandoned_a(1, 0, 60, 60) == 0
    assert answered_within_c(1, 0, 60, 0) == answered_within_a(1, 0, 60, 60, 0) == 1


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="0 servers: at least 1"):
        erlang_c(0, 1)
    with pytest.raises(ValueError, match="a load of -1 Erlang: 0 or more"):
        erlang_b(1, -1)
    with pytest.raises(ValueError, match="mean times are above 0"):
        waiting_a(1, 1, 60, 0)
