"""Who asks for a page, and whether they may have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import g, request

from console.accounts import Account
from console.roles import Rights

View = TypeVar("View", bound=Callable[..., object])
Need = Callable[[Rights], object]

NEEDS = "needs"
BY_ITSELF = "asked_by_the_page"


def visitor() -> Account:
    """Who is logged in."""
    found: Account = g.account
    return found


def token() -> str:
    """Of their session."""
    found: str = g.token
    return found


def address() -> str:
    """Where they are."""
    return request.remote_addr or ""


def by_htmx() -> bool:
    """Is a part of a page asked for, not a page?"""
    return "HX-Request" in request.headers


def asked_by_the_page(view: View) -> View:
    """A page asks for it again and again: nobody's session lasts by that."""
    setattr(view, BY_ITSELF, True)
    return view


def needs(need: Need) -> Callable[[View], View]:
    """The page is for those whose rights give `need` something true."""

    def told(view: View) -> View:
        setattr(view, NEEDS, need)
        return view

    return told


def logged_in(_rights: Rights) -> bool:
    """A need that everybody's rights fulfil."""
    return True
