"""How often somebody may ask. Counted by this process alone: what it guards is this process."""

from __future__ import annotations

import threading
from datetime import datetime

BY_TOKEN = 300
"""Requests a minute."""
BY_ADDRESS = 30
"""Requests a minute with a token that opens nothing."""


class Rates:
    """Counts by minutes of the clock."""

    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._counts: dict[str, int] = {}
        self._counting = threading.Lock()

    def count(self, who: str, at: datetime) -> int:
        """One more; how many there were in this minute."""
        with self._counting:
            self._begin(at)
            self._counts[who] = found = self._counts.get(who, 0) + 1
            return found

    def counted(self, who: str, at: datetime) -> int:
        """How many there were in this minute."""
        with self._counting:
            self._begin(at)
            return self._counts.get(who, 0)

    def _begin(self, at: datetime) -> None:
        minute = at.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
