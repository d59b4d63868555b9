"""`make bench`: measures, prints, and writes bench/RESULTS.md. Takes about ten minutes.

`python -m bench [queue] [webhooks] [desks] [router] [simulation]` renews these sections alone;
`… [sqlite] [postgresql]` measures these stores alone, and writes nothing.
"""

from __future__ import annotations

import sys

from bench import desks, queue, router, simulation, webhooks
from bench.results import renew

PARTS = {
    "queue": queue.measured,
    "webhooks": webhooks.measured,
    "desks": desks.measured,
    "router": router.measured,
    "simulation": simulation.measured,
}
STORES = ("sqlite", "postgresql")


def main() -> None:
    wanted = sys.argv[1:]
    unknown = [word for word in wanted if word not in (*PARTS, *STORES)]
    if unknown:
        sys.exit(f"not measured: {', '.join(unknown)}; what is: {', '.join((*PARTS, *STORES))}")
    stores = [store for store in STORES if store in wanted]
    parts = [part for part in PARTS if part in wanted] or list(PARTS)
    for part in parts:
        section = PARTS[part](stores or STORES)
        print(section)
        if not stores:
            renew(section)


if __name__ == "__main__":
    main()
