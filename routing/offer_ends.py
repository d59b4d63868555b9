"""What the end of an offer means for the counselor it held, inside the transaction of whoever tells
it; the caller of these holds MATCHING, and matches afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from agents import presence
from agents.offer_results import (
    NODE_WINDOW,
    OFFER_RESULTS,
    Alert,
    ReturnOfTheLast,
    apply_miss,
    apply_urgent_miss,
    node_is_failing,
)
from routing import offers, waiting
from routing.care import Care
from routing.changes import Cared, Changes, Outcome
from routing.offers import Offer
from routing.rules import Network


@dataclass(frozen=True, slots=True)
class OfferEnds:
    _places: Network
    _care: Care

    def failed(
        self, connection: Connection, parts: Sequence[Offer], result: str, at: datetime
    ) -> Changes:
        """Nobody answered: each counselor as the table of offer results says, the call back to
        its place."""
        first = parts[0]
        outcomes, alerts = [], []
        failing = False
        for part in parts:
            offers.end(connection, part, result, at)
            outcomes.append(Outcome(part.counselor_id, part.station, result))
        if result == "unreachable":
            ended, lost = offers.results_of_node(connection, first.node, at - NODE_WINDOW)
            failing = node_is_failing(ended, lost)
            if failing and not node_is_failing(ended - len(parts), lost - len(parts)):
                alerts.append(Alert("carrier_node_loses_phones", {"node": first.node}))
        for part in parts:
            who = part.counselor_id
            if part.together:
                apply_urgent_miss(connection, who, part.call_id, result, at)
            elif failing:
                presence.release(connection, who, part.call_id, at, keep_idle=False)
            else:
                last = self._return_of_the_last(part.station)
                alert = apply_miss(connection, who, part.call_id, result, last, at)
                alerts += [alert] if alert else []
        place = waiting.place_of(connection, first.call_id)
        if place is not None:
            excluded = place.call.excluded - {place.call.transferred_by}
            if not OFFER_RESULTS[result].again:
                excluded |= {part.counselor_id for part in parts}
            waiting.back_to_queue(connection, first.call_id, first.offer_id, excluded, 0)
        return Changes(outcomes=tuple(outcomes), alerts=tuple(alerts))

    def end_talk(
        self,
        connection: Connection,
        part: Offer,
        winner: str | None,
        at: datetime,
        cared: list[Cared],
    ) -> Outcome:
        if part.counselor_id != winner:
            return self.release(connection, part, "not_first", at)
        if part.answered_at is None:
            presence.answer(connection, winner, part.call_id, at)
        cared.extend(self._care.end_talk(connection, part, at))
        offers.end(connection, part, "answered", at)
        return Outcome(winner, part.station, "answered")

    def let_go(self, connection: Connection, parts: Iterable[Offer], at: datetime) -> list[Outcome]:
        return [self.release(connection, part, "abandoned", at) for part in parts]

    def release(self, connection: Connection, part: Offer, result: str, at: datetime) -> Outcome:
        presence.release(connection, part.counselor_id, part.call_id, at)
        offers.end(connection, part, result, at)
        return Outcome(part.counselor_id, part.station, result)

    def _return_of_the_last(self, station: str) -> ReturnOfTheLast:
        return ReturnOfTheLast(
            timedelta(seconds=self._places.setting(station, "last_counselor_returns_seconds")),
            self._places.setting(station, "last_counselor_returns"),
        )
