from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import builders
import profiled
import pytest
from markup import Page

from advisor.model.advice import Advice
from advisor.model.profile import RunProfile, SourceText
from advisor.model.trial import SERIAL
from advisor.report import codes, html
from advisor.report import json as advice_file

TAGS_OF_OURS = frozenset(
    re.findall(
        r"\w+",
        "a article b bdi body br button code dd details div dl dt fieldset figcaption figure footer h1 h2 h3 h4 head "
        "header html input label legend li main meta nav noscript option p pre script section select span strong style "
        "summary table tbody td th thead title tr ul",
    )
)


KINDS = builders.KINDS | {"profiled": profiled.wait_bound, "profiled hostile": profiled.hostile}


@pytest.fixture(params=list(KINDS))
def page(request: pytest.FixtureRequest) -> str:
    return html.render(KINDS[request.param]())


def data_of(page: str) -> list[str]:
    """The JSON documents of a page."""
    return [each for each in Page(page).scripts if each.lstrip().startswith("{")]


def text_of(advice: Advice) -> str:
    return Page(html.render(advice)).text


@pytest.mark.parametrize("make", [builders.hostile, profiled.hostile])
def test_hostile_text_makes_no_tag_no_handler_and_no_reordering(make: Callable[[], Advice]):
    text = html.render(make())
    found = Page(text)
    assert set(found.tags) <= TAGS_OF_OURS
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert not set(text) & set("\x1b\u202e\udc80")
    assert "49" not in re.findall(r"\{\{7\*7\}\}|49", "".join(found.texts))


def test_the_page_loads_nothing(page: str):
    outside = [(name, value) for name, value in Page(page).attributes if name in {"src", "href"} and value[0] != "#"]
    assert outside == []
    assert not re.search(r"@import|url\((?!\"#)", page)  # of the page itself: a pattern


def test_only_the_scripts_of_ours_are_allowed_to_run(page: str):
    programs = [each for each in Page(page).scripts if each.strip() and each not in data_of(page)]
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in programs]
    policy = page.replace("&#39;", "'")
    assert "script-src " + " ".join(f"'sha256-{each}'" for each in digests) in policy
    assert not [each for each in data_of(page) if "</" in each]


@pytest.mark.parametrize("kind", KINDS)
def test_the_embedded_advice_is_the_advice_file(kind: str):
    advice = KINDS[kind]()
    embedded = json.loads(data_of(html.render(advice))[-1])
    if "gzip" in embedded:
        embedded = json.loads(gzip.decompress(base64.b64decode(embedded["gzip"])))
    assert embedded == advice_file.parse(advice_file.render(advice))


def test_a_large_advice_stands_in_the_page_packed_byte_for_byte():
    advice = profiled.hostile()
    packed = json.loads(data_of(html.render(advice))[-1])["gzip"]
    assert gzip.decompress(base64.b64decode(packed)).decode() == advice_file.render(advice)


def test_no_page_is_over_two_megabytes():
    assert len(html.render(profiled.large(variety=20)).encode()) <= 2_000_000


def test_names_without_end_do_not_make_a_page_too_large():
    advice = profiled.hostile()
    entry = advice.sites[0]
    sites = [
        replace(
            entry, site=replace(entry.site, id=f"s{number}", callee="f" * 9_000 + str(number), function="g" * 9_000)
        )
        for number in range(60)
    ]
    text = html.render(replace(advice, sites=tuple(sites)))
    assert len(text.encode()) <= 2_000_000
    assert "f" * 150 in text
    allowed = re.search(r"script-src ([^\"]*)\"", text)
    assert allowed is not None
    assert len(allowed[1].split()) == text.count("<script>")


def test_the_same_advice_gives_the_same_bytes():
    assert html.render(profiled.wait_bound()) == html.render(profiled.wait_bound())


def test_the_page_does_not_depend_on_where_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = html.render(profiled.wait_bound())
    monkeypatch.chdir(tmp_path)
    assert html.render(profiled.wait_bound()) == here


def test_the_verdict_tells_what_it_costs_what_speaks_against_it_and_how_sure_it_is():
    text = text_of(profiled.wait_bound())
    verdict = text[: text.index("Time line of run 1")].partition("What it costs")[2]
    assert "24 MB, serial 24 MB (1.00x)" in verdict
    assert "ADV201 32 threads: 1,000 context switches" in verdict
    assert "ADV202" not in verdict  # a remark is no risk
    assert "10.4x to 11.6x, 95%" in verdict
    assert "18 runs of 6 mixes, 3 of the advised one (±2%)" in verdict
    assert "6 pairs of equal work differed by 0.4%" in verdict
    assert "14.1x over serial was expected of this mix, 11.0x was measured (+28%)" in verdict


def test_why_nothing_was_tried_is_a_risk_whatever_its_grade():
    held = builders.predicted()
    (entry,) = held.sites
    remark = replace(entry.findings[0], severity="info")
    text = text_of(replace(held, sites=(replace(entry, findings=(remark,)),)))
    assert "ADV303" in text[: text.index("Time line of run 1")].partition("Risks")[2]


def test_the_change_stands_there_as_code_line_by_line():
    found = html.render(profiled.wait_bound())
    code = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", found, re.DOTALL)
    assert code is not None
    assert unescape(code[1]) + "\n" == profiled.SNIPPET


def test_what_an_older_advice_does_not_hold_is_said():
    text = text_of(replace(builders.wait_bound(), profile=RunProfile()))
    for told in ("holds no time line", "holds no stacks", "holds no source"):
        assert told in text


def test_a_line_knows_its_hits_its_heat_its_kinds_and_its_calls():
    found = html.render(profiled.wait_bound())
    row = re.search(r'<tr id="line-1-7">(.*?)</tr>', found, re.DOTALL)
    assert row is not None
    text = Page(row[1]).text
    assert all(each in text for each in ("60", "5.40 s", "97%", "line_profiler", "return urlopen(url).read()"))
    assert "--heat: 10" in row[1]
    assert "network 99%" in row[1]
    assert 'href="#line-1-12"' in found


def test_a_line_of_a_megabyte_is_cut():
    text = html.render(profiled.hostile())
    assert "999,600 more characters" in text
    assert len(text) < 1_000_000


def test_every_code_of_a_finding_leads_to_its_page():
    found = html.render(profiled.wait_bound())
    for code in ("ADV201", "ADV202"):
        assert f'href="#code-{code}"' in found
        assert codes.pages()[code].found in Page(found).text


def test_the_page_can_be_written_as_utf8(page: str):
    page.encode()


def test_a_prediction_is_marked_as_one():
    text = " ".join(Page(html.render(builders.predicted())).texts)
    assert "Predicted, not measured" in text
    assert "7.00x fetch , predicted: 6.65x to 7.35x" in " ".join(text.split())
    assert "measured: 6.65x" not in text


def test_labels_point_at_what_is_there(page: str):
    attributes = Page(page).attributes
    present = {value for name, value in attributes if name == "id"}
    wanted = {value for name, value in attributes if name == "aria-labelledby"}
    wanted |= {value[1:] for name, value in attributes if name == "href"}
    assert wanted <= present


def test_ids_are_unique(page: str):
    found = [value for name, value in Page(page).attributes if name == "id"]
    assert len(found) == len(set(found))


def test_a_finding_comes_with_its_explanation():
    text = " ".join(Page(html.render(builders.predicted())).texts)
    assert codes.pages()["ADV303"].title in text


def test_every_code_of_the_design_has_a_page():
    design = {
        *(f"ADV{number}" for number in (101, 102, 103, 110)), *(f"ADV{number}" for number in range(201, 207)),
        *(f"ADV{number}" for number in range(301, 308)), *(f"ADV{number}" for number in range(401, 405)),
        *(f"ADV{number}" for number in range(501, 509)),
    }  # fmt: skip
    assert design <= set(codes.pages())
    assert all(page.meaning and page.found and page.cure for page in codes.pages().values())


def test_a_site_that_is_left_open_is_not_said_to_stay_as_it_is():
    plain = builders.wait_bound()
    unsure = builders.recommendation(SERIAL, 1.0, 1.0, decided=False, reason="repeats differ by more than mixes")
    text = text_of(replace(plain, sites=(plain.sites[0], replace(plain.sites[1], recommendation=unsure))))
    assert "Undecided: repeats differ by more than mixes" in text
    assert "leave it as it is" not in text


def test_a_line_separator_in_a_text_of_the_change_does_not_break_its_line():
    plain = builders.wait_bound()
    entry = replace(plain.sites[0], snippet="with pool:\n    print('a\u2028b')\n")
    assert "print(&#39;a\\u2028b&#39;)" in html.render(replace(plain, sites=(entry, plain.sites[1])))


def test_lines_that_are_left_out_are_counted():
    plain = builders.wait_bound()
    sources = (SourceText(file="/u/a.py", first=1, lines=("x = 1",) * 3_000),)
    assert "500 more lines are left out" in text_of(replace(plain, profile=RunProfile(sources=sources)))
    assert "are left out here" not in text_of(profiled.wait_bound())


def test_trials_are_only_said_to_be_measured_where_there_were_any():
    assert "measured on forked copies" in text_of(builders.wait_bound())
    assert "none: no call was run again" in text_of(builders.predicted())
    assert "measured on forked copies" not in text_of(builders.predicted())
