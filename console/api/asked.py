"""One request to the API, once it is known who asks: what an endpoint is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy import Connection

from console import audit, reading
from console.accounts import Account
from console.api.problems import missing
from console.api.tokens import Token
from console.audit import Action
from console.people import actor_of
from ivr.assembly import Assembly

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked:
    """`path`: the parts of the address that are named in it. `query`, `body`: checked against the
    endpoint's models, None where it has none. `headers`: those the endpoint knows."""

    house: Assembly
    token: Token
    at: datetime
    address: str
    path: Mapping[str, str]
    query: BaseModel | None
    body: BaseModel | None
    headers: Mapping[str, str]

    @property
    def who(self) -> Account:
        return self.token.account

    def query_as(self, model: type[M]) -> M:
        assert isinstance(self.query, model)
        return self.query

    def body_as(self, model: type[M]) -> M:
        assert isinstance(self.body, model)
        return self.body

    def note_order(self, action: Action, detail: str | None = None) -> str:
        """Write down that the order of the address is read or changed; its number. Raises Refused
        where it isn't theirs."""
        order_no = self.path["order_no"]
        house = self.house
        if not reading.noted(
            house.store, house.stations, self.who, action, order_no, self.at, self.address,
            detail=detail, token=self.token.id,
        ):  # fmt: skip
            raise missing()
        return order_no

    def note(self, action: Action, detail: str | None = None) -> None:
        """Write down what else was done."""
        self.house.store.write(
            lambda connection: audit.note(
                connection, action, self.who.id, self.address, self.at, None, detail, self.token.id
            )
        )

    def actor(self, connection: Connection) -> str:
        """Who an order's events say it was."""
        return actor_of(connection, self.who)
