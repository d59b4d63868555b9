"""The form of an order: shown beside a call and on the order's page, its draft kept while it is
typed, and saved."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import Connection, select
from werkzeug.wrappers import Response

from console.compared import compare
from console.forms import name_of
from console.local_lines import local_lines
from console.order_form import (
    BothChanged,
    Saved,
    Typed,
    last_filled,
    offered_outcomes,
    save,
    shown_as,
    standing,
    typed,
    written,
)
from console.people import actor_of, names_of
from console.reading import note_reading
from console.refusals import REFUSED, said
from console.visible import in_charge
from console.visitor import by_htmx, needs, visitor
from ivr.assembly import Assembly
from workorders import drafts
from workorders.drafts import Draft, DraftChanged
from workorders.life import Case
from workorders.life_cycle import State
from workorders.log import OrderForgotten
from workorders.once import new_name
from workorders.order import Row, orders
from workorders.order_rules import NON_CONSULTATION
from workorders.views import personal_fields

Answer = Response | str | tuple[str, int]

TAB = "tab"
"""Names the page that typed a draft."""
SHOWN = "shown"
"""What stood in the form when it was shown."""
TAKE = "take"
"""Names of which somebody takes what is stored instead of what they typed."""
SHORT = 40
HINTS = ("region_access", "region_number")
"""Where trunk and number say that the caller is: nobody has confirmed it."""


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("order_form", __name__, url_prefix="/orders")
    store, log, regions = assembly.store, assembly.log, assembly.stations.regions

    @page.get("/<order_no>/form")
    @needs(lambda may: may.work)
    def show(order_no: str) -> Answer:
        note_reading(assembly, order_no, now())
        return _page(order_no)

    @page.post("/<order_no>/form")
    @needs(lambda may: may.work)
    def keep(order_no: str) -> Answer:
        note_reading(assembly, order_no, now())
        form, at, who = typed(request.form), now(), visitor()
        shown = shown_as(request.form.get(SHOWN, ""))
        form |= {name: shown[name] for name in request.form.getlist(TAKE) if name in shown}
        form_name = name_of(request.form)

        def work(connection: Connection) -> Saved:
            case = Case(connection, log, order_no, at, actor_of(connection, who))
            if not in_charge(who, case.row):
                abort(404)
            return save(case, form, shown, regions, form_name)

        try:
            saved = store.write(work)
        except BothChanged:
            return _page(order_no, Unsaved(form, shown)), 422
        except REFUSED as refusal:
            return _page(order_no, Unsaved(form, shown), problem=said(refusal)), 422
        told = "also" if saved.taken_over else "1"
        told = "second" if not saved.certain else "again" if saved.again else told
        return redirect(url_for("orders.show", order_no=order_no, saved=told), 303)

    @page.post("/<order_no>/draft")
    @needs(lambda may: may.work)
    def draft(order_no: str) -> Answer:
        """Keep what is typed, as often as it is typed."""
        form, at, who = typed(request.form), now(), visitor()
        shown = shown_as(request.form.get(SHOWN, ""))
        tab = request.form.get(TAB, "")[:SHORT]
        version = request.form.get("version", 0, type=int)

        def work(connection: Connection) -> Draft | None:
            row = _row(connection, order_no)
            if row is None or not in_charge(who, row):
                abort(404)
            author = actor_of(connection, who)
            kept = drafts.draft_of(connection, log, order_no, author)
            if kept is None and form == shown:
                return None
            typed_ = {**form, SHOWN: written(shown), TAB: tab}
            if kept is not None and {**kept.form, TAB: tab} == typed_:
                return kept
            # What this very page saved, its answer lost or still on the way, is its own.
            own = kept is not None and kept.form.get(TAB) == tab
            began = kept.version if own and kept is not None else version
            return Draft(
                author,
                drafts.save_draft(connection, log, order_no, author, at, typed_, began),
                at,
                form,
            )

        try:
            kept = store.write(work)
        except DraftChanged as changed:
            return render_template(
                "draft.html",
                elsewhere=True,
                order_no=order_no,
                changed=changed.draft,
                version=version,
            ), 409
        except OrderForgotten as refusal:
            return render_template(
                "draft.html", order_no=order_no, problem=said(refusal), version=version
            ), 409
        return render_template("draft.html", order_no=order_no, kept=kept, version=version)

    def _page(order_no: str, unsaved: Unsaved | None = None, **told: Any) -> str:
        shown = store.read(
            lambda connection: shown_form(connection, assembly, order_no, now(), unsaved)
        )
        if shown is None:
            abort(404)
        return render_template("form_page.html", part=by_htmx(), form=shown | told)

    return page


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What was typed and isn't saved, in a form that was `shown` so."""

    form: Typed
    shown: Typed


def shown_form(
    connection: Connection,
    assembly: Assembly,
    order_no: str,
    at: datetime,
    unsaved: Unsaved | None = None,
) -> dict[str, Any] | None:
    """What the form's template shows to the visitor; None where it isn't theirs to fill in.

    :param unsaved: what they sent just now; otherwise their draft is.
    """
    who, log = visitor(), assembly.log
    row = _row(connection, order_no)
    if row is None or not in_charge(who, row):
        return None
    actor = actor_of(connection, who)
    regions = assembly.stations.regions
    saved = standing(row, personal_fields(connection, log.keys, order_no), regions)
    try:
        every = drafts.drafts_of(connection, log, order_no)
    except OrderForgotten:
        every = []
    mine = next((each for each in every if each.author == actor), None)
    others = [each for each in every if each.author != actor]
    if unsaved is None:
        unsaved = _of_draft(mine) if mine is not None else Unsaved(saved, saved)
    compared = compare(unsaved.shown, unsaved.form, saved)
    filled = last_filled(connection, order_no)
    named = {each.author for each in others} | ({filled.actor} if filled else set())
    return {
        "order_no": order_no,
        "values": compared.values,
        "saved": saved,
        "shown": written(saved),
        "both": compared.both,
        "taken_over": compared.taken_over,
        "name": new_name(),
        "open": row["state"] != State.CLOSED,
        "draft": mine if mine is not None and compared.values != saved else None,
        "version": mine.version if mine is not None else 0,
        "tab": secrets.token_urlsafe(8),
        "others": [(each, _said_in(each)) for each in others],
        "filled": filled,
        "people": names_of(connection, named),
        "me": actor,
        "fields": log.fields,
        "regions": [regions.name(region.code) for region in regions],
        "hints": [regions.name(row[name]) for name in HINTS if row[name]],
        "local": local_lines(assembly, row["region_incident"]),
        "outcomes": offered_outcomes(log.fields),
        "decided": row["outcomes"] or [],
        "risks": _levels(assembly),
        "period": log.rules.deadlines.period,
        "asked": frozenset(log.rules.closing.ordinary),
        "none": NON_CONSULTATION,
        "at": at,
    }


def _of_draft(draft: Draft) -> Unsaved:
    shown = shown_as(draft.form.get(SHOWN, ""))
    return Unsaved(shown | {name: draft.form.get(name, shown[name]) for name in shown}, shown)


def _said_in(draft: Draft) -> Typed:
    """What a colleague's draft says that wasn't there before."""
    typed_ = _of_draft(draft)
    return {name: v for name, v in typed_.form.items() if v and v != typed_.shown[name]}


def _levels(assembly: Assembly) -> list[tuple[str, str, Any]]:
    """Code, name and rule of each level."""
    rules = assembly.log.rules.deadlines
    names: Mapping[str, str] = assembly.log.fields.risk_names
    return [(code, names[code], rules.risks[code]) for code in assembly.log.fields.choices["risk"]]


def _row(connection: Connection, order_no: str) -> Row | None:
    found = connection.execute(select(orders).where(orders.c.order_no == order_no)).one_or_none()
    return None if found is None else found._mapping
