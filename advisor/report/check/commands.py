"""A check as workflow commands: GitHub shows each as an annotation of the change, on the line that is to blame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from advisor.report import words
from advisor.report.check import phrases, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from advisor.model.check import CheckResult, RuleResult, ScriptCheck

Kind = Literal["error", "warning", "notice"]
KINDS: tuple[Kind, ...] = ("error", "warning", "notice")
MOST = 10  # annotations of a kind that GitHub shows of one step
# As GitHub's own toolkit escapes them; a percent sign goes first, so that no escape is escaped again.
DATA_ESCAPES = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
PROPERTY_ESCAPES = (*DATA_ESCAPES, (":", "%3A"), (",", "%2C"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One remark; `file` is relative to the repository, None where it belongs to no file."""

    kind: Kind
    title: str
    message: str
    file: str | None = None
    line: int = 1

    def command(self) -> str:
        """The line that makes GitHub show it."""
        place = {"file": self.file, "line": str(self.line)} if self.file is not None else {}
        properties = ",".join(f"{name}={_property(text)}" for name, text in (place | {"title": self.title}).items())
        return f"::{self.kind} {properties}::{_data(self.message)}\n"


def render(result: CheckResult) -> str:
    """One command a line, no more of a kind than GitHub shows, errors first; "" where there is nothing to remark."""
    found = [each for script in tables.worst_first(result) for each in _annotations(result, script)]
    kept = (each for kind in KINDS for each in _most([one for one in found if one.kind == kind]))
    return "".join(each.command() for each in kept)


def inert(text: str, token: str) -> str:
    """`text` between commands that keep GitHub from reading commands in it; nobody may know `token` beforehand."""
    return f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::\n"


def _annotations(result: CheckResult, script: ScriptCheck) -> Iterator[Annotation]:
    warns = phrases.only_warns(result)(script)
    told = _outcome(script, warns=warns)
    yield from () if told is None else (told,)
    yield from (_warned(script, found) for found in script.rules if found.outcome == "worse" and not found.guilty)


def _outcome(script: ScriptCheck, *, warns: bool) -> Annotation | None:
    kinds: dict[str, Kind] = {
        "regression": "warning" if warns else "error", "could-not-measure": "warning", "not-comparable": "notice",
        "inconclusive": "notice",
    }  # fmt: skip
    kind = kinds.get(script.outcome)
    if kind is None or script.new:
        return None
    broken = [found for found in script.rules if found.guilty]
    file, line = tables.blamed(script, next(iter(broken), None)) if script.outcome == "regression" else (script.file, 1)
    said = [] if any(script.reason == found.message for found in broken) else [script.reason]
    why = [*said, *map(phrases.rule, broken)]
    title = f"{phrases.outcome(script)}: {script.name}"
    return Annotation(kind=kind, title=title, message=_lines(why), file=file, line=line)


def _warned(script: ScriptCheck, found: RuleResult) -> Annotation:
    file, line = tables.blamed(script, found)
    title = f"{found.code} {found.rule}: {script.name}"
    return Annotation(kind="warning", title=title, message=_lines([phrases.rule(found)]), file=file, line=line)


def _most(found: Sequence[Annotation]) -> list[Annotation]:
    """As many as are shown; the last tells how many are not."""
    if len(found) <= MOST:
        return list(found)
    left = len(found) - MOST + 1
    rest = Annotation(kind=found[0].kind, title=f"{left} more", message=f"{left} more stand in the report.")
    return [*found[: MOST - 1], rest]


def _lines(parts: Sequence[str]) -> str:
    return "\n".join(map(phrases.plain, parts))


def _property(text: str) -> str:
    return _escaped(words.cut(words.printable(text), phrases.LONGEST), PROPERTY_ESCAPES)


def _data(text: str) -> str:
    return _escaped(text, DATA_ESCAPES)


def _escaped(text: str, escapes: Sequence[tuple[str, str]]) -> str:
    for char, escape in escapes:
        text = text.replace(char, escape)
    return text
