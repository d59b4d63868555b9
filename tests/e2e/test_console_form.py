"""The form of an order in a real browser: filled in by keyboard alone, while the browser dies and
two windows write; and what becomes of the order on its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from console.sessions import IDLE
from tests.e2e.test_console import LIN, Desk, chromium, desk, log_in
from workorders.drafts import drafts_of
from workorders.views import order_view, personal_fields

__all__ = ["chromium", "desk"]
pytestmark = pytest.mark.e2e

PLAIN = "guangzhou"


def _form(desk: Desk, context: BrowserContext) -> Page:
    page = context.new_page()
    log_in(page, LIN)
    page.goto(f"/orders/{desk.world.orders[PLAIN]}/form")
    return page
