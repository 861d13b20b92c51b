"""The page of trends: complete without its script, inert whatever the names, one panel a script and machine."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import builders
import checked
import pytest
from markup import Page

from advisor.history.store import digest, figures
from advisor.model.check import ScriptCheck
from advisor.model.fingerprint import Fingerprint
from advisor.model.history import Point
from advisor.report import history

TAGS_OF_OURS = frozenset(
    re.findall(
        r"\w+",
        "a article body br code details div figcaption figure h1 h2 h3 head header html li main meta nav p script "
        "section span strong style summary table tbody td th thead title tr ul",
    )
)
OTHER = replace(checked.FINGERPRINT, packages=(("numpy", "2.2.0"), ("requests", "2.32.3")))


def point(script: ScriptCheck, day: int, fingerprint: Fingerprint = checked.FINGERPRINT) -> Point:
    return Point(
        script=script.name, file=script.file, created=f"2026-11-{day:02}T10:00:00Z", outcome=script.outcome,
        base=checked.RESULT.base, head=replace(checked.RESULT.head, dirty=False), digest=digest(fingerprint),
        fingerprint=fingerprint, ratio=script.ratio, base_figures=figures(script.pairs.base),
        head_figures=figures(script.pairs.head),
    )  # fmt: skip


SLOWED = replace(checked.SLOWER, name=checked.PASS.name)
POINTS = (
    point(checked.PASS, 1), point(SLOWED, 2), point(checked.PASS, 3, OTHER), point(checked.FASTER, 3),
    point(checked.BROKEN, 3), point(replace(checked.BROKEN, name=checked.PASS.name), 4, OTHER),
)  # fmt: skip


@pytest.fixture(scope="module")
def text() -> str:
    return history.render(POINTS, source="history.sqlite3")


def drawings(text: str) -> dict[str, dict[str, list[object]]]:
    found: dict[str, dict[str, list[object]]] = json.loads(next(each for each in Page(text).scripts if each.strip()))
    return found


def test_each_script_on_each_machine_is_a_panel_and_what_differs_is_said(text: str):
    found = [(panel.latest.script, len(panel.points), panel.latest.fingerprint) for panel in history.all_panels(POINTS)]
    assert found == [
        (checked.FASTER.name, 1, checked.FINGERPRINT), (checked.BROKEN.name, 1, checked.FINGERPRINT),
        (checked.PASS.name, 2, OTHER), (checked.PASS.name, 2, checked.FINGERPRINT),
    ]  # fmt: skip
    assert "Against the panel below: other dependencies: numpy 2.1.0 then, 2.2.0 now." in Page(text).text


def test_every_figure_is_in_a_table_with_its_unit_and_interval(text: str):
    shown = Page(text).text
    assert "1.10x (1.08-1.12)" in shown
    assert "550 ms ± 5.50 ms" in shown
    assert "31 MB / 31 MB" in shown
    assert "12 / 12" in shown
    assert Page(text).tags.count("table") == len(history.all_panels(POINTS))


def test_the_drawing_is_told_in_words_to_those_who_do_not_see_it(text: str):
    labels = Page(text).of("aria-label")
    assert "Medians of head from 501 ms to 550 ms; of 2 checks 1 pass, 1 regression" in labels
    assert Page(text).text.count("none of them measured") == 1


def test_what_is_drawn_is_what_the_table_says(text: str):
    found = next(each for each in drawings(text).values() if "regression" in each["outcome"])
    assert found["median"] == [pytest.approx(0.501), pytest.approx(0.55)]
    assert found["low"][1] == pytest.approx(0.5445)
    assert found["high"][1] == pytest.approx(0.5555)
    assert found["day"] == ["11-01", "11-02"]
    assert found["label"][0] == "2026-11-01T10:00:00Z, HEAD (fedcba9876)"


def test_what_was_not_measured_is_a_gap_in_the_drawing_and_no_zero(text: str):
    found = next(each for each in drawings(text).values() if "could-not-measure" in each["outcome"])
    assert found["median"] == [pytest.approx(0.501), None]
    assert found["low"][1] is found["high"][1] is None


def test_each_drawing_has_its_place_and_ids_are_unique(text: str):
    ids = Page(text).of("id")
    assert len(set(ids)) == len(ids)
    wanted = {*drawings(text), *Page(text).of("aria-labelledby"), *(href[1:] for href in Page(text).of("href"))}
    assert wanted <= set(ids)
    assert len(drawings(text)) == 3


@pytest.mark.parametrize("outcome", history.MARKS)
def test_every_outcome_has_a_shape_of_its_own_that_can_be_drawn(text: str, outcome: str):
    assert f'"{outcome}": (path' in text
    assert f".mark.{outcome} {{" in text
    assert len(set(history.MARKS.values())) == len(history.MARKS)


def test_names_make_no_tag_no_handler_and_no_reordering():
    bad = builders.HOSTILE
    hostile = replace(
        POINTS[0], script=bad, file=bad, head=replace(checked.RESULT.head, name=bad),
        base=replace(checked.RESULT.base, name=bad),
        fingerprint=replace(checked.FINGERPRINT, cpu=bad, packages=((bad, bad),)),
    )  # fmt: skip
    older = replace(hostile, digest="other", created="2026-10-01T10:00:00Z", fingerprint=checked.FINGERPRINT)
    text = history.render((hostile, older, POINTS[0]), source=bad)
    found = Page(text)
    assert set(found.tags) <= TAGS_OF_OURS
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert not set(text) & set("\x1b\u202e\udc80")
    text.encode()


def test_the_page_loads_nothing_and_only_its_own_scripts_run(text: str):
    found = Page(text)
    assert not [value for name, value in found.attributes if name in {"src", "href"} and value[0] != "#"]
    assert not re.search(r"@import|url\(", text)
    (drawn, *running) = [each for each in found.scripts if each.strip()]
    assert "</" not in drawn
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in running]
    policy = next(value for name, value in found.attributes if name == "content" and "script-src" in value)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"


def test_the_same_points_in_any_order_make_the_same_page(text: str):
    assert history.render(reversed(POINTS), source="history.sqlite3") == text


def test_without_a_check_the_page_says_so():
    assert "There are no checks to show." in Page(history.render(())).text


def test_a_long_list_of_differing_packages_is_cut_and_counted():
    many = replace(checked.FINGERPRINT, packages=tuple((f"p{at:02}", "1") for at in range(40)))
    newer, _ = history.panels((POINTS[0], point(checked.PASS, 9, many)))
    assert len(newer.differs) == history.SHOWN_DIFFERENCES + 1
    assert newer.differs[-1] == "and 36 more"
