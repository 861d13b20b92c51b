"""What a check prints and comments, letter by letter; ADVISE_UPDATE_GOLDEN=1 writes the files anew."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import checked
import hostile_check
import pytest

from advisor.report.check import markdown, terminal

FOLDER = Path(__file__).parent
KINDS = {
    "all": checked.RESULT,
    "clean": checked.CLEAN,
    "warn_only": replace(checked.RESULT, scripts=(checked.SLOWER,), warn_only=True),
    "interrupted": replace(checked.RESULT, scripts=(checked.UNCLEAR, checked.NEW), interrupted=True),
    "hostile": replace(hostile_check.result(), scripts=hostile_check.result().scripts[1:2]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_terminal_text(kind: str):
    check(f"check_{kind}.txt", terminal.render(KINDS[kind], width=80))


@pytest.mark.parametrize("kind", KINDS)
def test_markdown(kind: str):
    check(f"check_{kind}.md", markdown.render(KINDS[kind]))


def check(name: str, found: str):
    expected = FOLDER / name
    if os.environ.get("ADVISE_UPDATE_GOLDEN"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
