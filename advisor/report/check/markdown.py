"""A check as GitHub's Markdown: fits a pull-request comment and a job's summary, a user's text in it stays text."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from advisor.model.check import WORST_FIRST
from advisor.report import frames, words
from advisor.report.check import phrases, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from advisor.model.check import CheckResult, Outcome, RuleResult, ScriptCheck

COMMENT_BYTES = 65_536  # GitHub counts characters of a comment, and never more of them than bytes
SUMMARY_BYTES = 1 << 20  # of a job step's summary, from GitHub's documentation of workflow commands
LONGEST_NAME = 200
# Letters that are plain in a code span; a name with any other is written as character references.
PLAIN_NAME = re.compile(r"[\w./=,:()+-]+(?: [\w./=,:()+-]+)*", re.ASCII)
REFERENCED = frozenset(string.punctuation) - frozenset(".,;%=?()'+-/:")
# What GitHub turns into links, mentions, pictures and formulas even where it is written as a reference: the parts of
# `@name`, `#1`, `GH-1`, `http://`, `www.`, `:smile:` and `$x$` are kept in elements of their own.
LIVELY = re.compile(r"[@#$]|/(?=/)|:(?=[\w+-]+:)|(?<=www)\.|(?<=GH)-(?=\d)", re.IGNORECASE)
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
HEAD_ROW = "| script | verdict | head/base | base | head | pairs | p |\n|:--|:--|--:|--:|--:|--:|--:|\n"
RULE_ROW = "| rule | outcome | base | head | limit | samples an arm | what it says |\n|:--|:--|--:|--:|--:|--:|:--|\n"
SITE_ROW = "| function | where | base | head | change | kind |\n|:--|:--|--:|--:|--:|:--|\n"
LEGEND = (
    "base, head: wall time of an undisturbed run, median ± half the interquartile range. head/base: 95% interval, over "
    "1 is slower. p: chance of such a ratio between equal arms.\n"
)
ANSWER, STEPS, ROWS, WHY, SIDES, RULES, SITES, ALIKE, EXTRAS = range(9)  # parts, the least important last


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A text that is left out whole where there is no room; the lowest `rank` stays longest."""

    rank: tuple[int, int]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Parts between a `head` and a `tail`, which stand where any of the parts does."""

    head: str = ""
    parts: tuple[Part, ...] = field(default=())
    tail: str = ""


def render(result: CheckResult, *, most_bytes: int = COMMENT_BYTES) -> str:
    """The check as Markdown of at most `most_bytes` in UTF-8; what is left out for that is said at the end."""
    sections = list(_sections(result))
    whole = _join(sections)
    return whole if _size(whole) <= most_bytes else _fitted(sections, most_bytes)


def name(text: str) -> str:
    """`text` as code, whatever is in it: it neither ends the code nor a cell, links nothing and mentions nobody."""
    shown = words.cut(words.printable(text), LONGEST_NAME)
    return f"`{shown}`" if PLAIN_NAME.fullmatch(shown) else html_name(text)


def html_name(text: str) -> str:
    """The same where Markdown is not read: in a line that begins with a tag."""
    shown = words.cut(words.printable(text), LONGEST_NAME)
    return f"<code>{_woven(shown, '{}</code><code>')}</code>"


def prose(text: str) -> str:
    """A sentence: what stands between backticks as code, the rest as it is read."""
    parts = CODE.split(phrases.plain(text))
    return "".join(name(part) if at % 2 else _inert(part) for at, part in enumerate(parts))


MARKS = phrases.Marks(name=name, prose=prose)


def _inert(text: str) -> str:
    return _woven(text, "<code>{}</code>")


def _woven(text: str, apart: str) -> str:
    """`text` with references for what Markdown reads, each lively letter set apart as the template says."""
    calm = ("".join(_reference(each) if each in REFERENCED else each for each in piece) for piece in LIVELY.split(text))
    lively = [apart.format(_reference(each)) for each in LIVELY.findall(text)]
    return "".join(a + b for a, b in zip_longest(calm, lively, fillvalue=""))


def _reference(char: str) -> str:
    return f"&#{ord(char)};"


def _sections(result: CheckResult) -> Iterator[Section]:
    answer = f"### advise check: {phrases.verdict(result, MARKS)}\n\n{phrases.others(result)}\n"
    yield Section(parts=(_part(ANSWER, answer.rstrip() + "\n\n"),))
    rows = [_part(ROWS, _row(row), row.outcome) for row in frames.rows(tables.scripts(result))]
    yield Section(head=HEAD_ROW, parts=tuple(rows), tail=f"\n{LEGEND}\n")
    steps = "".join(f"- Next: {step}.\n" for step in phrases.next_steps(result, MARKS))
    notes = "".join(f"- Note: {prose(note)}\n" for note in result.notes)
    yield Section(parts=tuple(_part(STEPS, text + "\n") for text in (steps, notes) if text))
    for script in tables.worst_first(result):
        yield _details(script)
    yield Section(parts=(_part(SIDES, f"{phrases.compared(result, MARKS)} {phrases.machine(result, MARKS)}\n"),))


def _part(kind: int, text: str, outcome: Outcome = "regression") -> Part:
    """A part of that kind; among parts of one kind, the worse outcome stays longer, and details of a pass go first."""
    last = kind >= WHY and outcome == "pass"
    return Part(rank=(EXTRAS + 1 if last else kind, WORST_FIRST.index(outcome)), text=text)


def _row(row: frames.Row) -> str:
    word = "new" if row.new else phrases.SHORT[row.outcome]
    cells = (
        name(row.name),
        f"**{word}**" if row.outcome == "regression" else word,
        words.gain(row.ratio) if row.ratio is not None else words.UNKNOWN,
        words.spread(row.base_s, row.base_low_s, row.base_high_s),
        words.spread(row.head_s, row.head_low_s, row.head_high_s),
        words.count(row.pairs),
        phrases.chance(row.p_value).replace("<", "&lt;"),
    )
    return _cells(cells)


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _details(script: ScriptCheck) -> Section:
    """Why one script came out as it did, folded."""
    outcome = script.outcome
    parts = [_part(WHY, f"{phrases.outcome(script).capitalize()}: {prose(script.reason.rstrip('.'))}.\n\n", outcome)]
    if script.rules:
        parts.append(_part(RULES, RULE_ROW + "".join(map(_rule, script.rules)) + "\n", outcome))
    if script.sites:
        title = "Functions whose time changed, from profiles, seconds of one run:\n\n"
        rows = "".join(_site(row) for row in frames.rows(tables.sites(script)))
        parts.append(_part(SITES, f"{title}{SITE_ROW}{rows}\n", outcome))
    parts += [_part(kind, f"{text}\n\n", outcome) for kind, text in _figures(script) if text]
    opened = " open" if outcome == "regression" else ""
    summary = f"<summary>{html_name(script.name)}: {phrases.outcome(script)}</summary>"
    return Section(head=f"<details{opened}>{summary}\n\n", parts=tuple(parts), tail="</details>\n\n")


def _figures(script: ScriptCheck) -> Iterator[tuple[int, str]]:
    yield ALIKE, phrases.basis(script).replace("<", "&lt;")
    tested, counted = script.self_test, script.instructions
    yield ALIKE, phrases.self_test(tested, script.threshold) if tested is not None else ""
    yield EXTRAS, phrases.instructions(counted) if counted is not None else ""
    yield EXTRAS, "".join(f"- Note: {prose(note)}\n" for note in script.notes)


def _rule(found: RuleResult) -> str:
    outcome = phrases.rule_outcome(found)
    cells = (
        f"{name(found.code)} {found.rule}",
        f"**{outcome}**" if found.guilty else outcome,
        prose(phrases.figure(found.base, found.unit)),
        prose(phrases.figure(found.head, found.unit)),
        prose(found.threshold),
        words.count(found.samples),
        prose(found.message),
    )
    return _cells(cells)


def _site(row: frames.Row) -> str:
    spread = f" ±{words.seconds(row.spread_s)}" if row.spread_s is not None else ""
    sides = (words.seconds(row.base_s), words.seconds(row.head_s), phrases.signed(row.delta_s) + spread)
    return _cells((name(row.function), name(f"{row.file}:{row.line}"), *sides, prose(row.state)))


def _fitted(sections: Sequence[Section], most_bytes: int) -> str:
    """The most important parts that fit, in their order, and how many were left out."""
    places = [(at, nth) for at, section in enumerate(sections) for nth in range(len(section.parts))]
    by_rank = sorted(places, key=lambda place: sections[place[0]].parts[place[1]].rank)
    room = most_bytes - _size(_left_out(len(places)))
    kept: set[tuple[int, int]] = set()
    opened: set[int] = set()
    for at, nth in by_rank:
        frame = "" if at in opened else sections[at].head + sections[at].tail
        room -= _size(frame + sections[at].parts[nth].text)
        if room < 0:
            break
        kept.add((at, nth))
        opened.add(at)
    return _join(_only(sections, kept)) + _left_out(len(places) - len(kept))


def _only(sections: Sequence[Section], kept: set[tuple[int, int]]) -> list[Section]:
    return [
        replace(section, parts=tuple(part for nth, part in enumerate(section.parts) if (at, nth) in kept))
        for at, section in enumerate(sections)
    ]


def _left_out(number: int) -> str:
    return f"\n{words.plural(number, 'part')} left out for want of room; all stands in the report and the JSON file.\n"


def _join(sections: Sequence[Section]) -> str:
    there = (section for section in sections if section.parts)
    return "".join(each.head + "".join(part.text for part in each.parts) + each.tail for each in there)


def _size(text: str) -> int:
    return len(text.encode())
