"""Whoever came first is served first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.turns import NoTurn, Turns


def test_first_come_first_served() -> None:
    turns = Turns(1, 30)
    served: list[int] = []

    def serve(number: int) -> None:
        with turns.turn():
            served.append(number)

    threads = [threading.Thread(target=serve, args=[number]) for number in range(20)]
    with turns.turn():
        for waiting, thread in enumerate(threads, 1):
            thread.start()
            while len(turns._waiting) < waiting:
                pass
    for thread in threads:
        thread.join()
    assert served == list(range(20))


def test_never_more_than_there_are_places() -> None:
    turns = Turns(3, 30)
    inside: list[int] = []
    most: list[int] = []

    def serve(number: int) -> None:
        with turns.turn():
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(serve, range(500)))
    assert max(most) <= 3
    assert turns._free == 3


def test_waiting_ends_and_takes_no_place() -> None:
    turns = Turns(1, 0.01)
    with turns.turn(), pytest.raises(NoTurn), turns.turn():
        pass
    with turns.turn():
        pass
