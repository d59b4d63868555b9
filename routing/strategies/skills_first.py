"""The best fit: topic, then language; the specialist before who knows much, who stays free for
calls that nobody else can take; among equals, the longest idle."""

from __future__ import annotations

from routing.strategies.candidate import Candidate


def key(candidate: Candidate) -> tuple[bool, bool, int, float, str]:
    return (
        not candidate.topic_fits,
        not candidate.language_fits,
        candidate.skills,
        candidate.idle_since,
        candidate.id,
    )
