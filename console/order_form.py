"""The form of an order 工单: what stands in it, and what becomes of it when it is saved.

A form is plain text by name, as a browser sends it and a draft keeps it. It comes back with what
was shown in it, so that saving writes only what was changed there and undoes nobody's work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, select
from werkzeug.datastructures import MultiDict

from console.compared import compare
from routing.regions import Regions
from workorders import decisions, drafts, reports, risk, sent_out
from workorders.life import Case, NotPossible
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
REGIONS = ("region_stated", "region_incident", "region_domicile")
"""By their names in the form, by their codes (GB/T 2260) in the order."""
CONFIRMED: Mapping[str, str] = {"region_source": "stated", "region_confidence": "certain"}
"""Said by a person to a person: what trunk and number hinted at holds, or doesn't."""
CONSENT = "consent_ref"
REFERENCE = "[!-~]{0,40}"
"""Where a consent is kept: `03:20` of the recording, `2026-118`. Nobody's name stands in it."""
PERSONAL = ("subject_ref", "summary")
CONTACT = {f"contact_{name}": name for name in ("number", "hours", "never_contact")}
RISK = ("risk", "risk_evidence")
WRITES = (
    "form_filled", "risk_assessed", "harm_suspected", "guardian_cleared", "incident_placed",
    "classed_non_consultation",
)  # fmt: skip
"""Events that write what the form shows."""
DECISION = ("outcome", "reply", "refer_target", "refer_summary", "refer_contact")


class Sent(Protocol):
    """A form as Flask gives it."""

    def get(self, name: str, default: str, /) -> str: ...

    def getlist(self, name: str, /) -> list[str]: ...


class BothChanged(Exception):
    """Somebody else changed these names of the form meanwhile, and so did we; nothing was
    written."""


@dataclass(frozen=True, slots=True)
class Filled:
    """When the form was last saved, and by whom."""

    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """`certain`: no second person must confirm that the risk is lower. `again`: the decision was
    sent twice, and is recorded once. `taken_over`: something that others changed meanwhile was
    left as they said."""

    certain: bool
    again: bool
    taken_over: bool


def typed(sent: Sent) -> Typed:
    """What a browser sent."""
    texts = (*CODES, *REGIONS, CONSENT, *PERSONAL, *CONTACT, *RISK, *DECISION)
    found: Typed = {name: _plain(sent.get(name, "")) for name in texts}
    found |= {name: sent.getlist(name) for name in LISTS}
    found["contact_may_identify"] = sent.get("contact_may_identify", "")
    return found


def standing(row: Row, personal: Mapping[str, str], regions: Regions) -> Typed:
    """The form of an order as it is saved."""
    found: Typed = {name: row[name] or "" for name in (*CODES, CONSENT, "risk")}
    found |= {name: list(row[name] or ()) for name in LISTS}
    found |= {name: regions.name(row[name]) if row[name] else "" for name in REGIONS}
    found |= {name: _plain(personal.get(name, "")) for name in (*PERSONAL, "risk_evidence")}
    found |= dict.fromkeys(DECISION, "")
    contact = asdict(SafeContact.read(personal.get("safe_contact")))
    found |= {ours: _plain(contact[name]) for ours, name in CONTACT.items()}
    found["contact_may_identify"] = "1" if contact["may_identify"] else ""
    return found


def shown_as(written: str) -> Typed:
    """What stood in a form when it was shown, as the form brings it back; an empty one where that
    cannot be read, so that nothing is overwritten unasked."""
    try:
        said = json.loads(written)
    except ValueError:
        said = {}
    found = typed(MultiDict())
    if isinstance(said, dict):
        found |= {n: said[n] for n, empty in found.items() if type(said.get(n)) is type(empty)}
    return found


def written(values: Typed) -> str:
    """What `shown_as` reads."""
    return json.dumps(values, ensure_ascii=False)


def _plain(text: str) -> str:
    """A browser ends lines in its own way."""
    return text.replace("\r\n", "\n").strip()


def plain_outcomes(fields: UnifiedFields) -> list[str]:
    """Those 处置 that are said by their name alone."""
    own = {*decisions.WITH_AN_EVENT_OF_THEIR_OWN, *fields.dispatch_targets.values()}
    return [each for each in fields.several["outcomes"] if each not in own]


def offered_outcomes(fields: UnifiedFields) -> list[str]:
    """What the form can decide."""
    return [decisions.ANSWERED_DIRECTLY, sent_out.REFERRED, *plain_outcomes(fields)]


def last_filled(connection: Connection, order_no: str) -> Filled | None:
    """The last time that what the form shows was written."""
    c = order_events.c
    query = select(c.actor, c.at).where(c.order_no == order_no, c.kind.in_(WRITES))
    row = connection.execute(query.order_by(c.seq.desc()).limit(1)).one_or_none()
    return None if row is None else Filled(row.actor, row.at)


def save(case: Case, form: Typed, shown: Typed, regions: Regions, form_name: str = "") -> Saved:
    """Write what was changed, assess the risk, record the decision: all of it or nothing.

    :param shown: what stood in the form when it was opened. `form_name`: by which a decision is
        known that was sent twice.

    Raises BothChanged; NotPossible, OutOfPlace and what else the order's life refuses with.
    """
    log = case.log
    before = standing(case.row, personal_fields(case.connection, log.keys, case.order_no), regions)
    compared = compare(shown, _named_in_full(form, regions), before)
    if compared.both:
        raise BothChanged(*compared.both)
    form = compared.values
    none = form["cause_main"] in log.fields.causes[NON_CONSULTATION]
    if none and NON_CONSULTATION not in case.outcomes():
        decisions.class_non_consultation(case, form["cause_main"])
        before["cause_main"] = form["cause_main"]
    changed = _changed(form, before, log, regions)
    if changed.get("guardian_suspected") == "是":
        # The clock of the report starts at once.
        grounds = form["risk_evidence"] or form["summary"] or reports.GUARDIAN_SUSPECTED
        reports.suspect_harm(case, grounds, changed.pop("guardian_suspected"))
    if changed:
        drafts.save_form(case.connection, log, case.order_no, case.actor, case.at, changed)
        case = Case(case.connection, log, case.order_no, case.at, case.actor)
    else:
        drafts.throw_away(case.connection, case.order_no, case.actor)
    certain = _assess(case, form, before)
    decision = Form(form_name, {name: form[name] for name in DECISION})
    decides = bool(form["outcome"]) and not none
    again = decides and done_before(case, decision) is not None
    if decides and not again:
        _decide(case, form)
    return Saved(certain, again, bool(compared.taken_over))


def _named_in_full(form: Typed, regions: Regions) -> Typed:
    """广州 is written as 广东省广州市. Raises NotPossible for a place that isn't known."""
    found = dict(form)
    for name in REGIONS:
        if form[name]:
            code = regions.named(form[name])
            if code is None:
                raise NotPossible(f"{name}: {form[name]!r} is no region of the list")
            found[name] = regions.name(code)
    return found


def _changed(form: Typed, before: Typed, log: Log, regions: Regions) -> dict[str, Any]:
    """As `Log.fill_in` takes it."""
    found: dict[str, Any] = {
        name: form[name] or None
        for name in (*CODES, CONSENT, *LISTS, *PERSONAL)
        if form[name] != before[name]
    }
    found |= {name: regions.named(form[name]) for name in REGIONS if form[name] != before[name]}
    if found.get("region_stated") is not None:
        found |= CONFIRMED
    if not re.fullmatch(REFERENCE, found.get(CONSENT) or ""):
        raise NotPossible("consent_ref: a number, or a time of the recording")
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
