"""What calls are placed for by this line, said once for all carriers.

A purpose has a name, which begins the ids of its calls; what its end brings about (`attempts`); and
in each carrier what is done with whoever picks up: of a synthetic call, the words of SYNTHETIC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from callflows.verbs import Say
from config.database import MATCHING, one_at_a_time
from ivr import probes, synthetic_calls
from ivr.assembly import Assembly
from ivr.attempts import Attempts, Over
from ivr.controller import Controller

T = TypeVar("T")

SYNTHETIC: Mapping[str, tuple[Say, Say]] = {
    synthetic_calls.PURPOSE: synthetic_calls.SAID,
    probes.PURPOSE: synthetic_calls.SAID,
}
"""What is said to who picks up, for them to press 1; and then."""

OVER: Mapping[str, Over] = {probes.PURPOSE: probes.over}


def attempts(assembly: Assembly, controller: Controller, now: Callable[[], datetime]) -> Attempts:
    """Attempts of an engine: whom an end frees is matched with who waits."""

    def write(work: Callable[[Connection], T]) -> T:
        def first_in_line(connection: Connection) -> T:
            one_at_a_time(connection, MATCHING)
            return work(connection)

        return controller.counselors_changed(first_in_line, now())

    return Attempts(assembly.store, now, OVER, write)
