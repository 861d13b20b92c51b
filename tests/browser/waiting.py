"""Waiting for a page to come to a state."""

from __future__ import annotations

import time

from playwright.sync_api import Page

WAIT_S = 5.0
POLL_MS = 50


def until(page: Page, expression: str, arg: object = None) -> None:
    """Wait until an expression is true. `wait_for_function` has the page evaluate a text, which its policy bars."""
    end_s = time.monotonic() + WAIT_S
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end_s, f"it did not come about: {expression}"
        page.wait_for_timeout(POLL_MS)
