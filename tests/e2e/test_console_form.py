"""The form of an order in a real browser: filled in by keyboard alone, while the browser dies and
two windows write; and what becomes of the order on its page."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.test_console import LIN, Desk, chromium, desk, log_in

__all__ = ["chromium", "desk"]
pytestmark = pytest.mark.e2e

PLAIN = "guangzhou"


def _form(desk: Desk, context: BrowserContext) -> Page:
    page = context.new_page()
    log_in(page, LIN)
    page.goto(f"/orders/{desk.world.orders[PLAIN]}/form")
    return page
