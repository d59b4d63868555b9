"""Stateful machines of hypothesis, each example on a store of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine

from config.database import Store
from config.tables import load_tables

ALL_PHASES = tuple(Phase)


def run(
    machine: type[RuleBasedStateMachine],
    open_store: Callable[[], Store],
    examples: int,
    steps: int,
    phases: Sequence[Phase] = ALL_PHASES,
) -> None:
    """`machine` opens its store by `open_store`."""
    on_a_store: Any = type(machine.__name__, (machine,), {"open_store": staticmethod(open_store)})
    on_a_store.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        phases=phases,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    on_a_store.TestCase("runTest").debug()


def opened(url: str) -> Store:
    load_tables()
    store = Store(url)
    store.create_all()
    return store


def fresh(folder: Path) -> Store:
    """A new SQLite store below `folder`."""
    return opened(f"sqlite:///{Path(tempfile.mkdtemp(dir=folder)) / 'store.db'}")
