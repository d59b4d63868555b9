"""Which sister lines each carrier can ring, as a deployment stands."""

from __future__ import annotations

from collections.abc import Mapping

from config.settings import Settings
from routing.directory import NumberKind

LOCAL: frozenset[NumberKind] = frozenset({"local"})
ON_A_TRUNK: frozenset[NumberKind] = frozenset({"local", "international", "national"})
INTERNATIONAL: frozenset[NumberKind] = frozenset({"international"})


def carrier_numbers(settings: Settings) -> Mapping[str, frozenset[NumberKind]]:
    """Which kinds of number in the directory each carrier rings.

    Without an outbound trunk Asterisk rings the phones of this server alone. Twilio needs no trunk
    of ours, doesn't know our phones, and a short code means something else there. A simulated call
    rings what a real one would.
    """
    asterisk = ON_A_TRUNK if settings.outbound_trunk else LOCAL
    return {
        "asterisk": asterisk,
        "twilio": INTERNATIONAL,
        "simulator": asterisk if settings.asterisk else INTERNATIONAL,
    }
