"""The form of an order: shown beside a call and on the order's page, its draft kept while it is
typed, and saved."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import Connection, select
from werkzeug.wrappers import Response

from console.forms import name_of
from console.order_form import (
    FilledInMeanwhile,
    Saved,
    Typed,
    last_filled,
    offered_outcomes,
    save,
    standing,
    typed,
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
SHORT = 40


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("order_form", __name__, url_prefix="/orders")
    store, log = assembly.store, assembly.log

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
        seen = request.form.get("seen", 0, type=int)
        form_name = name_of(request.form)

        def work(connection: Connection) -> Saved:
            case = Case(connection, log, order_no, at, actor_of(connection, who))
            if not in_charge(who, case.row):
                abort(404)
            return save(case, form, seen, form_name)

        try:
            saved = store.write(work)
        except FilledInMeanwhile as other:
            return _page(order_no, form, meanwhile=other), 422
        except REFUSED as refusal:
            return _page(order_no, form, problem=said(refusal)), 422
        told = "second" if not saved.certain else "again" if saved.again else "1"
        return redirect(url_for("orders.show", order_no=order_no, saved=told), 303)

    @page.post("/<order_no>/draft")
    @needs(lambda may: may.work)
    def draft(order_no: str) -> Answer:
        """Keep what is typed, as often as it is typed."""
        form, at, who = typed(request.form), now(), visitor()
        tab = request.form.get(TAB, "")[:SHORT]
        version = request.form.get("version", 0, type=int)

        def work(connection: Connection) -> Draft | None:
            row = _row(connection, order_no)
            if row is None or not in_charge(who, row):
                abort(404)
            author = actor_of(connection, who)
            kept = drafts.draft_of(connection, log, order_no, author)
            if kept is None and form == standing(
                row, personal_fields(connection, log.keys, order_no)
            ):
                return None
            if kept is not None and {**kept.form, TAB: tab} == {**form, TAB: tab}:
                return kept
            # What this very page saved, its answer lost or still on the way, is its own.
            own = kept is not None and kept.form.get(TAB) == tab
            began = kept.version if own and kept is not None else version
            return Draft(
                author,
                drafts.save_draft(connection, log, order_no, author, at, {**form, TAB: tab}, began),
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

    def _page(order_no: str, form: Typed | None = None, **told: Any) -> str:
        shown = store.read(
            lambda connection: shown_form(connection, assembly, order_no, now(), form)
        )
        if shown is None:
            abort(404)
        return render_template("form_page.html", part=by_htmx(), form=shown | told)

    return page


def shown_form(
    connection: Connection,
    assembly: Assembly,
    order_no: str,
    at: datetime,
    form: Typed | None = None,
) -> dict[str, Any] | None:
    """What the form's template shows to the visitor; None where it isn't theirs to fill in.

    :param form: what was typed and could not be saved.
    """
    who, log = visitor(), assembly.log
    row = _row(connection, order_no)
    if row is None or not in_charge(who, row):
        return None
    actor = actor_of(connection, who)
    saved = standing(row, personal_fields(connection, log.keys, order_no))
    try:
        every = drafts.drafts_of(connection, log, order_no)
    except OrderForgotten:
        every = []
    mine = next((each for each in every if each.author == actor), None)
    others = [each for each in every if each.author != actor]
    typed_ = {**saved, **mine.form} if mine is not None else saved
    filled = last_filled(connection, order_no)
    named = {each.author for each in others} | ({filled.actor} if filled else set())
    return {
        "order_no": order_no,
        "values": typed_ if form is None else form,
        "saved": saved,
        "open": row["state"] != State.CLOSED,
        "draft": mine if mine is not None and typed_ != {**saved, TAB: typed_.get(TAB)} else None,
        "version": mine.version if mine is not None else 0,
        "tab": secrets.token_urlsafe(8),
        "others": others,
        "filled": filled,
        "seen": row["events"],
        "name": new_name(),
        "people": names_of(connection, named),
        "fields": log.fields,
        "outcomes": offered_outcomes(log.fields),
        "decided": row["outcomes"] or [],
        "risks": _levels(assembly),
        "period": log.rules.deadlines.period,
        "asked": frozenset(log.rules.closing.ordinary),
        "none": NON_CONSULTATION,
        "at": at,
    }


def _levels(assembly: Assembly) -> list[tuple[str, str, Any]]:
    """Code, name and rule of each level."""
    rules = assembly.log.rules.deadlines
    names: Mapping[str, str] = assembly.log.fields.risk_names
    return [(code, names[code], rules.risks[code]) for code in assembly.log.fields.choices["risk"]]


def _row(connection: Connection, order_no: str) -> Row | None:
    found = connection.execute(select(orders).where(orders.c.order_no == order_no)).one_or_none()
    return None if found is None else found._mapping
