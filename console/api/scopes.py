"""What a token may be used for, and which right of its account each scope needs: one table, which
every endpoint is judged by. A token never reaches further than its account on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from console.roles import Caller, Orders, Presence
from console.visitor import Need


class Scope(StrEnum):
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_ANSWER = "orders:answer"
    ORDERS_NUMBERS = "orders:numbers"
    COUNSELORS_READ = "counselors:read"
    PRESENCE_READ = "presence:read"
    PRESENCE_WRITE = "presence:write"
    INTAKE_WRITE = "intake:write"


NEEDED: Mapping[Scope, Need] = {
    Scope.ORDERS_READ: lambda may: may.orders is not Orders.NONE,
    Scope.ORDERS_WRITE: lambda may: may.orders is not Orders.NONE and may.work,
    Scope.ORDERS_ANSWER: lambda may: may.orders is not Orders.NONE and may.acts,
    Scope.ORDERS_NUMBERS: lambda may: may.orders is not Orders.NONE and may.caller is Caller.OPENED,
    Scope.COUNSELORS_READ: lambda may: may.presence is Presence.NAMED,
    Scope.PRESENCE_READ: lambda may: may.presence is not Presence.NONE,
    Scope.PRESENCE_WRITE: lambda may: may.presence is Presence.NAMED,
    Scope.INTAKE_WRITE: lambda may: may.hands_in,
}

MEANS: Mapping[Scope, str] = {
    Scope.ORDERS_READ: "List and read the orders that the account may read; numbers stay sealed.",
    Scope.ORDERS_WRITE: "Fill in fields, add notes, decide, refer, report to authorities, plan and "
    "report follow-ups, close and reopen.",
    Scope.ORDERS_ANSWER: "Sign for a referral, answer it, or send it back.",
    Scope.ORDERS_NUMBERS: "Open a caller's number, for a reason that is recorded.",
    Scope.COUNSELORS_READ: "List the counselors of the branch.",
    Scope.PRESENCE_READ: "See who is there in the branch, or how many.",
    Scope.PRESENCE_WRITE: "Log the account's own counselor in and out, and pause them.",
    Scope.INTAKE_WRITE: "Hand in orders of other channels, and see what became of them.",
}
