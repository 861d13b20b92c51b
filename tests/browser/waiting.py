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


def first_paint_ms(page: Page) -> float:
    """When something of the page was first seen, in ms from its start; the least of three loads: others use the CPU."""
    painted = [_painted_ms(page)]
    for _ in range(2):
        page.reload()
        painted.append(_painted_ms(page))
    return min(painted)


def _painted_ms(page: Page) -> float:
    """A page may be loaded before anything of it is painted."""
    entries = "performance.getEntriesByName('first-contentful-paint')"
    until(page, f"{entries}.length > 0")
    return float(page.evaluate(f"{entries}[0].startTime"))
