"""How somebody may be reached without danger 安全联系: kept as one personal field, text in JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class SafeContact:
    """`number`, `hours`: as they were said. `may_identify`: whoever answers may hear that 12355
    calls. `never_contact`: who must not be reached, and not hear of it."""

    number: str = ""
    hours: str = ""
    may_identify: bool = False
    never_contact: str = ""

    @classmethod
    def read(cls, kept: str | None) -> SafeContact:
        """As it is kept; of older orders, words that were typed without a form."""
        if not kept:
            return cls()
        try:
            return cls(**json.loads(kept))
        except (ValueError, TypeError):
            return cls(number=kept)

    def text(self) -> str | None:
        """To be kept; None where nothing is said."""
        if self == SafeContact():
            return None
        return json.dumps(asdict(self), ensure_ascii=False)
