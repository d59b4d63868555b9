"""What each role may do: one table, which every page asks and every test of a page reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Role(StrEnum):
    COUNSELOR = "counselor"
    """咨询员"""
    SUPERVISOR = "supervisor"
    """班长"""
    CLINICAL = "clinical"
    """督导"""
    MANAGER = "manager"
    """服务台负责人"""
    ADMIN = "admin"
    """地市、省、全国管理员: above the stations, so figures without persons."""
    INSPECTOR = "inspector"
    """质检员"""
    OFFLINE = "offline"
    """线下承办人"""
    PARTNER = "partner"
    """合作单位"""
    EVALUATOR = "evaluator"
    """评估员"""
    SYSTEM = "system"
    """其他系统: a program, which comes by a token alone."""


class Orders(StrEnum):
    """Which orders somebody may read."""

    NONE = "none"
    STATION = "station"
    """Those that the station leads, answers, assists or has at home, and those that were dispatched
    or offered to it."""
    DISPATCHED = "dispatched"
    """派单: those dispatched to the station."""
    REFERRED = "referred"
    """转介, 派单: those referred or dispatched to the unit, from stations of its branch."""


class Caller(IntEnum):
    """How much of a caller's number somebody may see."""

    HIDDEN = 0
    SEALED = 1
    OPENED = 2
    """For a reason, which is recorded."""


class Presence(IntEnum):
    """What somebody may see of who is there, in the branch."""

    NONE = 0
    COUNTED = 1
    NAMED = 2


@dataclass(frozen=True, slots=True)
class Rights:
    """`course`: what happened, event by event. `readers`: who has read an order. `work`: fill in
    the form, decide, and all else that becomes of an order. `review`: 复核, and lift what was
    suspected. `supervise`: 督导. `cases`: one order's contents, for a purpose that is recorded.
    `figures`: how many orders the branch's stations have. `desk`: takes calls, where the roster
    knows them. `monitors`: listens, whispers and joins in the talks of the branch, by a telephone
    of the roster's. `listens`: to what was recorded of talks. `hands_in`: gives us orders of
    other channels."""

    orders: Orders = Orders.NONE
    caller: Caller = Caller.HIDDEN
    course: bool = False
    readers: bool = False
    work: bool = False
    review: bool = False
    supervise: bool = False
    presence: Presence = Presence.NONE
    figures: bool = False
    cases: bool = False
    desk: bool = False
    monitors: bool = False
    listens: bool = False
    hands_in: bool = False

    @property
    def answers(self) -> bool:
        """Sign for what was sent to them, refuse it, tell what they did."""
        return self.orders in (Orders.DISPATCHED, Orders.REFERRED)

    @property
    def acts(self) -> bool:
        """Do anything to an order."""
        return self.work or self.answers


ROLES: Mapping[Role, Rights] = {
    Role.COUNSELOR: Rights(
        Orders.STATION, Caller.OPENED, course=True, work=True, presence=Presence.NAMED, desk=True,
        hands_in=True,
    ),
    Role.SUPERVISOR: Rights(
        Orders.STATION, Caller.OPENED, course=True, readers=True, work=True, review=True,
        presence=Presence.NAMED, desk=True, monitors=True, listens=True, hands_in=True,
    ),
    Role.CLINICAL: Rights(
        Orders.STATION, Caller.OPENED, course=True, work=True, supervise=True,
        presence=Presence.NAMED, monitors=True, listens=True,
    ),
    Role.MANAGER: Rights(
        Orders.STATION, Caller.OPENED, course=True, readers=True, work=True, review=True,
        presence=Presence.NAMED, figures=True, listens=True, hands_in=True,
    ),
    Role.ADMIN: Rights(presence=Presence.COUNTED, figures=True, cases=True),
    Role.INSPECTOR: Rights(Orders.STATION, course=True, listens=True),
    Role.OFFLINE: Rights(Orders.DISPATCHED, Caller.OPENED),
    Role.PARTNER: Rights(Orders.REFERRED),
    Role.EVALUATOR: Rights(figures=True),
    Role.SYSTEM: Rights(presence=Presence.COUNTED, hands_in=True),
}  # fmt: skip
