"""Pages in the system's Chromium: no network, no error on the console, and axe to look through them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, sync_playwright

GRAVE = {"serious", "critical"}
"""Impacts of violations that a report must be free of (axe-core's own words)."""
Show = Callable[[str], Page]


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> None:
    """Not looked for here: the browser's processes come and go with its pages, and end with the module's tests."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window.

    Not for the whole session: it starts helper processes whenever it likes, seconds after a page was closed, and a test
    of another folder under way then would be charged with them.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page without a network; the test fails where it asks for something or says an error."""
    context = browser.new_context(offline=True, reduced_motion="reduce", viewport={"width": 1100, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.route("**/*", lambda route, request: _only_files(route, request, complaints))
    page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Show:
    """Opens the text of a page, as a user opens a report: from a file."""

    def opened(text: str) -> Page:
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        page.goto(file.as_uri())
        return page

    return opened


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """What axe holds against a page as it stands: serious and critical violations, each with its places."""
    return _grave_violations


def _grave_violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]


def _is_complaint(said: ConsoleMessage) -> bool:
    """True for errors and warnings, but for the advice to read a canvas otherwise: only tests read one."""
    return said.type in {"error", "warning"} and not said.text.startswith("Canvas2D: Multiple readback")


def _only_files(route: Route, request: Request, complaints: list[str]) -> None:
    if request.url.startswith("file:"):
        route.continue_()
        return
    complaints.append(f"asked for {request.url}")
    route.abort()
