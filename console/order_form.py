"""The form of an order 工单: what stands in it, and what becomes of it when it is saved.

A form is plain text by name, as a browser sends it and a draft keeps it. Saving writes only what
was changed, so two people who fill in different fields don't undo each other's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, select

from workorders import decisions, drafts, risk, sent_out
from workorders.life import Case
from workorders.log import Log
from workorders.once import Form, done_before
from workorders.order import Row, order_events
from workorders.order_rules import NON_CONSULTATION
from workorders.safe_contact import SafeContact
from workorders.unified_fields import UnifiedFields
from workorders.views import personal_fields

Typed = dict[str, Any]
"""Every name of the form with its text, or its list of codes."""

CODES = ("caller_role", "age", "sex", "schooling", "guardian_suspected", "cause_main")
LISTS = ("groups", "causes")
PERSONAL = ("subject_ref", "summary")
CONTACT = {f"contact_{name}": name for name in ("number", "hours", "never_contact")}
RISK = ("risk", "risk_evidence")
DECISION = ("outcome", "reply", "refer_target", "refer_summary", "refer_contact")


class Sent(Protocol):
    """A form as Flask gives it."""

    def get(self, name: str, default: str, /) -> str: ...

    def getlist(self, name: str, /) -> list[str]: ...


class FilledInMeanwhile(Exception):
    """Somebody else saved the form since this one was opened; nothing was written."""

    def __init__(self, actor: str, at: datetime) -> None:
        super().__init__(f"{actor} saved the form at {at}")
        self.actor = actor
        self.at = at


@dataclass(frozen=True, slots=True)
class Filled:
    """When the form was last saved, and by whom."""

    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """`certain`: no second person must confirm that the risk is lower. `again`: the decision was
    sent twice, and is recorded once."""

    certain: bool
    again: bool


def typed(sent: Sent) -> Typed:
    """What a browser sent."""
    texts = (*CODES, *PERSONAL, *CONTACT, *RISK, *DECISION)
    found: Typed = {name: sent.get(name, "").strip() for name in texts}
    found |= {name: sent.getlist(name) for name in LISTS}
    found["contact_may_identify"] = sent.get("contact_may_identify", "")
    return found


def standing(row: Row, personal: Mapping[str, str]) -> Typed:
    """The form of an order as it is saved."""
    found: Typed = {name: row[name] or "" for name in (*CODES, "risk")}
    found |= {name: list(row[name] or ()) for name in LISTS}
    found |= {name: personal.get(name, "") for name in (*PERSONAL, "risk_evidence")}
    found |= dict.fromkeys(DECISION, "")
    contact = asdict(SafeContact.read(personal.get("safe_contact")))
    found |= {ours: contact[name] for ours, name in CONTACT.items()}
    found["contact_may_identify"] = "1" if contact["may_identify"] else ""
    return found


def plain_outcomes(fields: UnifiedFields) -> list[str]:
    """Those 处置 that are said by their name alone."""
    own = {*decisions.WITH_AN_EVENT_OF_THEIR_OWN, *fields.dispatch_targets.values()}
    return [each for each in fields.several["outcomes"] if each not in own]


def offered_outcomes(fields: UnifiedFields) -> list[str]:
    """What the form can decide."""
    return [decisions.ANSWERED_DIRECTLY, sent_out.REFERRED, *plain_outcomes(fields)]


def last_filled(
    connection: Connection, order_no: str, *, since: int = 0, but: str | None = None
) -> Filled | None:
    """The last time that what the form shows was written, after the event `since` and by somebody
    else than `but`."""
    c = order_events.c
    query = select(c.actor, c.at).where(
        c.order_no == order_no, c.kind.in_(("form_filled", "risk_assessed")), c.seq > since
    )
    if but is not None:
        query = query.where(c.actor != but)
    row = connection.execute(query.order_by(c.seq.desc()).limit(1)).one_or_none()
    return None if row is None else Filled(row.actor, row.at)


def save(case: Case, form: Typed, seen: int, form_name: str = "") -> Saved:
    """Write what was changed, assess the risk, record the decision: all of it or nothing.

    :param seen: how many events the order had when the form was opened. `form_name`: by which a
        decision is known that was sent twice.

    Raises FilledInMeanwhile; NotPossible, OutOfPlace and what else the order's life refuses with.
    """
    other = last_filled(case.connection, case.order_no, since=seen, but=case.actor)
    if other is not None:
        raise FilledInMeanwhile(other.actor, other.at)
    log = case.log
    before = standing(case.row, personal_fields(case.connection, log.keys, case.order_no))
    form = dict(form)
    none = form["cause_main"] in log.fields.causes[NON_CONSULTATION]
    if none and NON_CONSULTATION not in case.outcomes():
        decisions.class_non_consultation(case, form["cause_main"])
        before["cause_main"] = form["cause_main"]
    changed = _changed(form, before, log)
    if changed:
        drafts.save_form(case.connection, log, case.order_no, case.actor, case.at, changed)
        case = Case(case.connection, log, case.order_no, case.at, case.actor)
    else:
        drafts.throw_away(case.connection, case.order_no, case.actor)
    certain = _assess(case, form, before)
    decision = Form(form_name, {name: form[name] for name in DECISION})
    decides = bool(form["outcome"]) and not none
    again = decides and done_before(case, decision)
    if decides and not again:
        _decide(case, form)
    return Saved(certain, again)


def _changed(form: Typed, before: Typed, log: Log) -> dict[str, Any]:
    """As `Log.fill_in` takes it."""
    found = {
        name: form[name] or None
        for name in (*CODES, *LISTS, *PERSONAL)
        if form[name] != before[name]
    }
    if before["guardian_suspected"] == "是":
        found.pop("guardian_suspected", None)
    if found.keys() & {"cause_main", "causes"}:
        found["tree_version"] = log.fields.version
    if any(form[name] != before[name] for name in (*CONTACT, "contact_may_identify")):
        said = {name: form[ours] for ours, name in CONTACT.items()}
        may = bool(form["contact_may_identify"])
        found["safe_contact"] = SafeContact(may_identify=may, **said).text()
    return found


def _assess(case: Case, form: Typed, before: Typed) -> bool:
    if not form["risk"] or all(form[name] == before[name] for name in RISK):
        return True
    proposed = any(
        each["by"] == case.actor and each["risk"] == form["risk"] for each in case.items("lowering")
    )
    return not proposed and risk.assess(case, form["risk"], form["risk_evidence"])


def _decide(case: Case, form: Typed) -> None:
    match form["outcome"]:
        case decisions.ANSWERED_DIRECTLY:
            decisions.answer_directly(case, form["reply"])
        case sent_out.REFERRED:
            sent_out.refer(case, form["refer_target"], form["refer_summary"], form["refer_contact"])
        case outcome:
            decisions.record_outcome(case, outcome)
