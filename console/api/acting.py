"""How a program does something to an order: written down, by whom it may be done, and once for each
name it gives in the header Idempotency-Key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import Field
from sqlalchemy import Connection

from console.accounts import Account
from console.api.asked import Asked
from console.api.codes import Answer
from console.api.order_models import Order
from console.api.orders import shown
from console.api.problems import Refused, missing
from console.audit import Action
from console.visible import in_charge
from workorders.life import Case
from workorders.log import OrderForgotten
from workorders.once import Form, done_before
from workorders.order import Row

IDEMPOTENCY_KEY = "Idempotency-Key"
LARGEST_NUMBER = 999_999

Do = Callable[[Case], object]
Allowed = Callable[[Account, Row], bool]


class Numbered(Answer):
    """`no`: the number in the order of what was made."""

    no: int = Field(examples=[1])


@dataclass(frozen=True, slots=True)
class Acted:
    """`again`: by this name it was done before, and is done once. `number`: of what was made."""

    order_no: str
    again: bool
    number: int


def act(asked: Asked, do: Do, allowed: Allowed = in_charge) -> Acted:
    """Raises Refused where the order isn't theirs, or its state or its rules don't allow it.

    :param do: gives the number of what it made, where it made anything.
    """
    order_no = asked.note_order(Action.ORDER_CHANGED)
    form = _form(asked)

    def work(connection: Connection) -> Acted:
        case = Case(connection, asked.house.log, order_no, asked.at, asked.actor(connection))
        if not allowed(asked.who, case.row):
            what = f"order {order_no}: only the station in charge acts on it"
            raise Refused(HTTPStatus.FORBIDDEN, what)
        before = done_before(case, form)
        if before is not None:
            return Acted(order_no, True, before.get("number") or before.get("follow_up") or 0)
        made = do(case)
        return Acted(order_no, False, made if isinstance(made, int) else 0)

    try:
        return asked.house.store.write(work)
    except OrderForgotten as error:
        gone = f"order {order_no}: its personal data were deleted"
        raise Refused(HTTPStatus.CONFLICT, gone) from error
    except ValueError as error:  # NotPossible, OutOfPlace, and what the log itself refuses
        raise Refused(HTTPStatus.CONFLICT, f"order {order_no}: {error}") from error


def done(asked: Asked, do: Do, allowed: Allowed = in_charge) -> Order:
    """The order as it is after it."""
    return shown(asked, act(asked, do, allowed).order_no)


def made(asked: Asked, do: Callable[[Case], int]) -> tuple[Numbered, HTTPStatus]:
    """The number of what was made, or was made before."""
    acted = act(asked, do)
    return Numbered(no=acted.number), HTTPStatus.OK if acted.again else HTTPStatus.CREATED


def numbered(asked: Asked) -> int:
    """Which one the address is about."""
    number = asked.path["number"]
    if len(number) > len(str(LARGEST_NUMBER)):
        raise missing()
    return int(number)


def _form(asked: Asked) -> Form:
    key = asked.headers.get(IDEMPOTENCY_KEY)
    words: dict[str, Any] = {"path": dict(asked.path), "body": None}
    if asked.body is not None:
        words["body"] = {type(asked.body).__name__: asked.body.model_dump(mode="json")}
    return Form(f"{asked.who.id}/{key}" if key else "", words)
