"""What somebody wants the next one to know of an order: a remark 备注 beside its form."""

from __future__ import annotations

from workorders.life import Case, must_say


def remark(case: Case, text: str) -> None:
    """:param text: personal."""
    case.record("noted", notes={"text": must_say("the text", text)})
