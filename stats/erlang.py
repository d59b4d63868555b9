"""How long callers wait for one of several servers: Erlang B, Erlang C and Erlang A.

Calls come at random at a constant rate, handling times are exponential, whoever waits is served
in order, and all has been going on for long. `load` is in Erlang: calls that come during the
mean handling time. Times are in any one unit. A share is of all calls offered.

B: who finds every server busy is lost. C: who finds every server busy waits without limit.
A: who waits hangs up when an exponential patience is at its end.

Sources: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance
in automatic telephone exchanges" (1917), for B and C. C. Palm, "Research on telephone traffic
carried by full availability groups" (1957); O. Garnett, A. Mandelbaum, M. Reiman, "Designing a
call center with impatient customers" (2002); S. Zeltyn, A. Mandelbaum, "Call centers with
impatient customers: many-server asymptotics of the M/M/n+G queue" (2005), for A.
"""

from __future__ import annotations

import math
from itertools import count

NEGLIGIBLE = 1e-17
"""Of a sum, what may be left out: under a double's precision."""

LARGE = 1e200
"""Sums are scaled down before they leave the range of a double."""


def erlang_b(servers: int, load: float) -> float:
    """Share of calls lost where nobody can wait: B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)).

    Raises ValueError for fewer than no servers or a load below 0.
    """
    _check(servers, 0, load)
    lost = 1.0
    for server in range(1, servers + 1):
        lost = load * lost / (server + load * lost)
    return lost


def erlang_c(servers: int, load: float) -> float:
    """Share of calls that wait: C = n B / (n - a (1 - B)); all, where the load is too much for
    the servers. Raises ValueError for no server or a load below 0."""
    _check(servers, 1, load)
    if load >= servers:
        return 1.0
    lost = erlang_b(servers, load)
    return servers * lost / (servers - load * (1 - lost))


def answered_within_c(servers: int, load: float, handling: float, within: float) -> float:
    """Service level by Erlang C, 1 - C exp(-(n - a) T / h); 0 where the load is too much.

    :param handling: the mean handling time h. `within`: T.
    Raises ValueError as `erlang_c` does, and for a handling time that isn't above 0.
    """
    _check(servers, 1, load, handling)
    if load >= servers:
        return 0.0
    return 1 - erlang_c(servers, load) * math.exp(-(servers - load) * within / handling)


def mean_wait_c(servers: int, load: float, handling: float) -> float:
    """Mean wait of all calls by Erlang C (ASA), C h / (n - a); infinite where the load is too
    much. Parameters and errors as of `answered_within_c`."""
    _check(servers, 1, load, handling)
    if load >= servers:
        return math.inf
    return erlang_c(servers, load) * handling / (servers - load)


def waiting_a(servers: int, load: float, handling: float, patience: float) -> float:
    """Share of calls that wait by Erlang A, P(W > 0).

    :param patience: its mean.
    Raises ValueError for no server, a load below 0 or times that aren't above 0. With more load
    than servers it takes about (load - servers) x patience / handling steps.
    """
    return min(1.0, load * _just_busy(servers, load, handling, patience))


def abandoned_a(servers: int, load: float, handling: float, patience: float) -> float:
    """Share of calls that hang up waiting by Erlang A, P(Ab): what comes less what is handled
    while somebody waits. Parameters and errors as of `waiting_a`."""
    busy = _just_busy(servers, load, handling, patience)
    handled = -servers * math.expm1(-_log_queue(servers, load, handling / patience))
    return max(0.0, busy * (load - handled))


def mean_wait_a(servers: int, load: float, handling: float, patience: float) -> float:
    """Mean wait of all calls by Erlang A, until answered or hung up: P(Ab) x patience, for each
    moment of waiting is equally likely to be the last. Parameters and errors as of `waiting_a`."""
    return abandoned_a(servers, load, handling, patience) * patience


def answered_within_a(
    servers: int, load: float, handling: float, patience: float, within: float
) -> float:
    """Service level by Erlang A: answered within T, of all calls offered. Who hangs up counts as
    not answered, however soon. Parameters and errors as of `waiting_a`.

    A caller of endless patience would wait V, whose density for x > 0 is
    r p exp((r / u) (1 - exp(-u x)) - n x / h), r being the calls a time unit, u = 1 / patience
    and p the probability of n - 1 busy servers (Zeltyn & Mandelbaum). A caller who hasn't hung up
    is answered after V: the share is the integral of that density and exp(-u x). By parts it is
    what is answered from the queue at all, less what is answered after T.
    """
    busy = _just_busy(servers, load, handling, patience)
    ratio, elapsed = handling / patience, within / patience
    queue = _log_queue(servers, load, ratio)
    later = _log_queue(servers, load * math.exp(-elapsed), ratio)
    still = -load / ratio * math.expm1(-elapsed) - servers * within / handling
    after_wait = -math.expm1(-queue) + math.exp(still + later - queue) * math.expm1(-later)
    at_once = max(0.0, 1 - load * busy)
    return min(1.0, at_once + servers * busy * max(0.0, after_wait))


def _just_busy(servers: int, load: float, handling: float, patience: float) -> float:
    """P(W > 0) / load = B / (a B + n p), B being B(n - 1) and p the share of "nobody waits" in the
    time that all servers are busy. Nobody hanging up, p is 1 - a / n and this is Erlang C's."""
    _check(servers, 1, load, handling, patience)
    lost = erlang_b(servers - 1, load)
    nobody_waits = math.exp(-_log_queue(servers, load, handling / patience))
    return lost / (load * lost + servers * nobody_waits)


def _log_queue(servers: int, load: float, ratio: float) -> float:
    """ln(1 + a/(n+q) + a^2/((n+q)(n+2q)) + ...), q = handling / patience: how many times likelier
    "all servers are busy" is than "all are busy and nobody waits". The terms are the weights of
    the birth-and-death chain with 0, 1, 2 ... waiting; their sum is an incomplete gamma function.
    """
    total = weight = 1.0
    scale = 0.0
    for waiting in count(1):
        growth = load / (servers + waiting * ratio)
        weight *= growth
        total += weight
        if growth < 1 and weight <= NEGLIGIBLE * (1 - growth) * total:
            break
        if total > LARGE:
            total, weight, scale = total / LARGE, weight / LARGE, scale + math.log(LARGE)
    return scale + math.log(total)


def _check(servers: int, fewest: int, load: float, *times: float) -> None:
    if servers < fewest:
        raise ValueError(f"{servers} servers: at least {fewest}")
    if not 0 <= load < math.inf:
        raise ValueError(f"a load of {load} Erlang: 0 or more")
    if not all(0 < time < math.inf for time in times):
        raise ValueError("mean times are above 0")
