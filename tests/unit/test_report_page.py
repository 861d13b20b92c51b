from __future__ import annotations

import hashlib
import re
from importlib import resources
from pathlib import Path

import pytest
from markupsafe import Markup

from advisor.report import page

STATIC = Path(str(resources.files("advisor.report"))) / "static"
ROW = re.compile(
    r"^\| (?P<file>[\w./-]+) \| (?P<version>[\w.]+) \| (?P<licence>[\w.-]+) \| .+ \| (?P<sha256>[0-9a-f]{64}) \|$",
    re.MULTILINE,
)
LISTED = {row["file"]: row for row in ROW.finditer((STATIC / "README.md").read_text(encoding="utf-8"))}


def test_backticks_of_a_verdict_become_code_and_an_odd_one_stays():
    assert page.code_marks("Run `a<b` now") == "Run <code>a&lt;b</code> now"
    assert page.code_marks("one ` alone") == "one ` alone"


def test_every_shipped_script_is_listed_and_beside_its_licence():
    shipped = {path.relative_to(STATIC).as_posix() for path in STATIC.glob("*/*") if path.name != "LICENSE"}
    assert shipped == set(LISTED)
    assert all((STATIC / name).with_name("LICENSE").stat().st_size for name in shipped)


@pytest.mark.parametrize("name", LISTED)
def test_a_shipped_script_is_the_one_its_makers_published(name: str):
    assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == LISTED[name]["sha256"]


@pytest.mark.parametrize("name", LISTED)
def test_a_shipped_script_survives_being_put_into_a_page(name: str):
    text = (STATIC / name).read_bytes()
    assert not re.search(rb"</script|<!--", text, re.IGNORECASE)
    assert b"\r" not in text, "a browser would turn it into a line feed, and the policy would refuse the script"
    assert page.library(name).encode() == text


def test_the_policy_names_each_script_and_no_other_source():
    assert page.policy((Markup("a"), Markup("b"))) == (
        "default-src 'none'; style-src 'unsafe-inline'; script-src "
        "'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=' 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='"
    )
    assert page.policy(()).endswith("script-src 'none'")
