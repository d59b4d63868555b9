"""Which page is a counselor's desk: one at a time, however many tabs and machines show it.

Held by the page whose stream is open, so a page that is closed or lost lets go by itself. Another
page may take it over; which telephone rings then is Asterisk's to know: the latest to register.
"""

from __future__ import annotations

import threading


class Desks:
    """Of one console."""

    def __init__(self) -> None:
        self._pages: dict[str, str] = {}
        self._streams: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def opened(self, counselor_id: str, page: str, take: bool) -> None:
        """The page watches; `take`: and is the desk from now on, whoever was it."""
        with self._lock:
            mine = (counselor_id, page)
            self._streams[mine] = self._streams.get(mine, 0) + 1
            if take:
                self._pages[counselor_id] = page

    def is_at(self, counselor_id: str, page: str) -> bool:
        """Is this page the desk? It becomes it where no other is."""
        with self._lock:
            return self._pages.setdefault(counselor_id, page) == page

    def closed(self, counselor_id: str, page: str) -> None:
        with self._lock:
            mine = (counselor_id, page)
            self._streams[mine] -= 1
            if not self._streams[mine]:
                del self._streams[mine]
                if self._pages.get(counselor_id) == page:
                    del self._pages[counselor_id]
