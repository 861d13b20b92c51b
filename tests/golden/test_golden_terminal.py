"""The terminal report of each kind of advice, letter by letter; ADVISE_UPDATE_GOLDEN=1 writes the files anew."""

from __future__ import annotations

import os
from pathlib import Path

import builders
import pytest

from advisor.report import terminal

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("kind", builders.KINDS)
def test_terminal_report(kind: str):
    found = terminal.render(builders.KINDS[kind](), width=80)
    expected = FOLDER / f"terminal_{kind}.txt"
    if os.environ.get("ADVISE_UPDATE_GOLDEN"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
