from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import checked
import hostile_check
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from advisor.model.check import CheckResult, Instructions
from advisor.report.check import markdown, phrases, terminal

ANSI = re.compile(r"\x1b\[\d+m")
WARNED = replace(checked.PASS, rules=(*checked.PASS.rules, checked.BOUND_SHIFT))


def only(*scripts: object, **fields: object) -> CheckResult:
    """The sample with these scripts alone."""
    return replace(checked.RESULT, scripts=scripts, **fields)  # type: ignore[arg-type]


def squeezed(text: str) -> str:
    """`text` without its line breaks."""
    return " ".join(text.split())


def test_the_verdict_is_the_first_line_and_names_the_worst_script():
    first = terminal.render(checked.RESULT, width=500).splitlines()[0]
    assert first.startswith("Regression in 1 of 5 scripts: jobs/import data.py --all: 1.10x as long")


@pytest.mark.parametrize("script", checked.RESULT.scripts, ids=lambda script: script.name)
def test_80_columns_hold_each_outcome(script: object):
    text = terminal.render(only(script), width=80)
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_colour_changes_no_letter():
    colored = terminal.render(checked.RESULT, color=True)
    assert ANSI.search(colored)
    assert ANSI.sub("", colored) == terminal.render(checked.RESULT)


def test_hostile_text_reaches_the_terminal_spelled_out():
    text = terminal.render(hostile_check.result())
    assert not set(text) & set("\x1b\u202e\udc80\r")
    assert "\n# h" not in text


def test_a_figure_comes_with_unit_spread_samples_and_source():
    text = squeezed(terminal.render(checked.RESULT))
    assert "500 ms ±1% 550 ms ±1% 12" in text
    assert "(base 500 ms, head 550 ms, limit 3%, 12 samples an arm)" in text
    assert "parse jobs/parse.py:14 200 ms 250 ms +50.0 ms ±4.00 ms python" in text
    assert "from profiles" in text
    assert "base 1,900,000,000, head 2,100,000,000, 1.11x" in text


def test_the_false_alarm_rate_of_this_machine_is_said():
    text = squeezed(terminal.render(checked.RESULT))
    assert "equal arms came out 1.004x (0.985-1.021, 12 pairs); the rule calls 0.5% of equal arms different" in text
    assert "a bare 3% limit 33%" in text


def test_equal_arms_that_were_never_dealt_have_no_rate():
    untried = replace(checked.SELF_TEST, splits=0, alarms=0, bare_alarms=0)
    text = terminal.render(only(replace(checked.SLOWER, self_test=untried)))
    assert "equal arms came out 1.004x" in text
    assert "a bare 3% limit" not in text


def test_a_warned_rule_of_a_script_that_passes_is_shown():
    text = terminal.render(only(WARNED))
    assert text.startswith("Pass: no change that counts in 1 script.")
    assert "ADV504 warning: waits 41%" in text
    assert "ADV501" not in text


def test_typical_runs_are_not_called_undisturbed():
    text = squeezed(terminal.render(only(replace(checked.SLOWER, undisturbed=False))))
    assert "of what typical runs take" in text
    assert "undisturbed runs take" not in text


def test_a_regression_that_only_warns_says_so_by_script_or_in_all():
    warns = replace(checked.SLOWER, warn_only=True)
    assert "This only warns." in terminal.render(only(checked.SLOWER, warn_only=True))
    assert "This only warns." in terminal.render(only(warns))
    assert "This only warns." not in squeezed(terminal.render(only(warns, replace(checked.SLOWER, name="other.py"))))


@pytest.mark.parametrize(
    ("script", "step"),
    [
        (checked.SLOWER, "Next: look at the change: parse (jobs/parse.py:14) grew most; advise explain ADV501"),
        (checked.BROKEN, "Next: make broken.py run to its end"),
        (checked.UNCLEAR, "Next: give noisy.py more time (--budget SECONDS)"),
        (replace(checked.NEW, new=False), "Next: check new.py with the Python, the packages and the machine"),
    ],
)
def test_what_to_do_next(script: object, step: str):
    assert step in squeezed(terminal.render(only(script)))


def test_where_all_is_well_nothing_is_to_be_done():
    assert "Next:" not in terminal.render(checked.CLEAN)


def test_a_new_script_counts_for_nothing():
    assert terminal.render(only(checked.NEW)).startswith("Nothing to compare.")
    assert terminal.render(only(checked.PASS, checked.NEW)).startswith("Pass: no change that counts in 1 script.")


def test_what_was_compared_is_said():
    text = squeezed(terminal.render(checked.RESULT))
    assert "Base: origin/main (0123456789), merge base of origin/main and HEAD." in text
    assert "Head: HEAD (fedcba9876) with uncommitted changes." in text
    assert "2 CPUs (Example CPU 3000), 8.6 GB of memory, Linux 6.1, CPython 3.11.7 with the GIL" in text


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.5, "s", "500 ms"), (2e6, "B", "2.0 MB"), (0.41, "share", "41%"), (1.5, "x", "1.50x"),
        (12.0, "switches", "12 switches"), (0.25, "switches a task", "0.25 switches a task"), (1234.5, "", "1,234"),
        (None, "s", "-"), (float("nan"), "B", "-"),
    ],
)  # fmt: skip
def test_a_rules_figure_has_its_unit(value: float | None, unit: str, shown: str):
    assert phrases.figure(value, unit) == shown


def test_no_instructions_of_base_give_no_ratio():
    assert phrases.instructions(Instructions(base=0.0, head=1.0, runs=1)).endswith("head 1, -.")


# Markdown

TAGS = frozenset(re.findall(r"\w+", "h3 p table thead tbody tr th td ul li code strong details summary"))
LIVELY = re.compile(r"[@#]\w|https?://|www\.|GH-\d|:[\w+-]*[a-z][\w+-]*:|\$[^$]+\$", re.IGNORECASE)
ATTRIBUTES = frozenset({("style", "text-align:left"), ("style", "text-align:right"), ("open", None)})

GITHUB = MarkdownIt("gfm-like")
assert GITHUB.linkify is not None
GITHUB.linkify.set({"fuzzy_link": False})  # GitHub links no bare domain; `www.` is looked for in the texts


class Rendered(HTMLParser):
    """What a reader of the Markdown gets: tags, attributes, cells of each row, and texts outside code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.given: list[tuple[str, str | None]] = []
        self.cells: list[int] = []
        self.open: list[str] = []
        self.prose: list[str] = [""]
        self.code: list[str] = []
        self.feed(GITHUB.render(text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]):
        self.tags.append(tag)
        self.given += attrs
        self.open.append(tag)
        self.prose.append("")
        if tag == "tr":
            self.cells.append(0)
        elif tag in {"td", "th"}:
            self.cells[-1] += 1
        elif tag == "code":
            self.code.append("")

    def handle_endtag(self, tag: str):
        assert self.open.pop() == tag
        self.prose.append("")

    def handle_data(self, data: str):
        if "code" in self.open:
            self.code[-1] += data
        else:
            self.prose[-1] += data


def inert(page: Rendered) -> bool:
    """True where nothing but our own markup stands on the page."""
    lively = [text for text in page.prose if LIVELY.search(text)]
    return (lively, set(page.tags) - TAGS, set(page.given) - ATTRIBUTES, page.open) == ([], set(), set(), [])


def test_a_comment_has_the_verdict_a_table_and_a_folded_part_a_script():
    page = Rendered(markdown.render(checked.RESULT))
    assert inert(page)
    assert page.tags.count("details") == len(checked.RESULT.scripts)
    assert page.cells[: len(checked.RESULT.scripts) + 1] == [7] * 7
    assert page.given.count(("open", None)) == 1


def test_hostile_text_stays_text():
    page = Rendered(markdown.render(hostile_check.result()))
    assert inert(page)
    assert set(page.cells) <= {6, 7}
    assert page.tags.count("h3") == 1


PUNCTUATION = st.text(alphabet="`|\\<>&@#*_~[]()!$:/.- \nwGHx1", min_size=1, max_size=40)


@given(st.text(min_size=1) | PUNCTUATION)
@settings(deadline=None)  # the reader of Markdown takes its time
def test_any_text_stays_text(text: str):
    hostile = hostile_check.result(text)
    page = Rendered(markdown.render(replace(hostile, scripts=hostile.scripts[1:2])))
    assert inert(page)
    assert page.cells[:2] == [7, 7]


@pytest.mark.parametrize(
    "text", ["a|b", "a\\|b", "`", "``x", "<b>", "@ada", "a b ", "&amp;", "http://x.y/z", "plain.py --all"]
)
def test_a_name_is_shown_letter_by_letter(text: str):
    assert "".join(Rendered(f"| {markdown.name(text)} |\n|--|\n").code).strip() == text.strip()


def test_backticks_of_a_sentence_become_code_and_an_odd_one_stays():
    assert markdown.prose("sleep in `fetch`") == "sleep in `fetch`"
    assert Rendered(f"x {markdown.prose('one ` alone')}").code == []


def many(count: int) -> CheckResult:
    """As many scripts, one of them slower."""
    passed = [replace(checked.PASS, name=f"jobs/job_{at}.py") for at in range(count - 1)]
    return only(*passed, checked.SLOWER)


@pytest.mark.parametrize("limit", [2_000, markdown.COMMENT_BYTES])
def test_what_has_no_room_is_left_out_least_important_first(limit: int):
    text = markdown.render(many(500), most_bytes=limit)
    assert limit * 0.5 < len(text.encode()) <= limit
    assert "Regression in 1 of 500 scripts" in text
    assert re.search(r"\d+ parts left out for want of room", text)
    assert text.index("import data.py --all") < text.index("job_0.py")
    assert inert(Rendered(text))


def test_the_last_detail_of_a_regression_outlives_the_details_of_what_passed():
    text = markdown.render(many(500))
    assert "Instructions in user mode" in text
    assert text.count("Pass: no change") < 499


def test_a_summary_has_room_for_what_a_comment_has_not():
    summary = markdown.render(many(300), most_bytes=markdown.SUMMARY_BYTES)
    assert len(summary.encode()) > markdown.COMMENT_BYTES
    assert "left out" not in summary


def test_an_endless_message_does_not_fill_the_comment():
    endless = replace(checked.BROKEN, name="n" * 100_000, reason="é" * 100_000)
    text = markdown.render(only(endless, checked.SLOWER))
    assert "left out" not in text
    assert "2.0x the memory" in text
