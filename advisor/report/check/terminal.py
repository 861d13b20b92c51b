"""A check for a terminal: the verdict first, then a line for each script, then why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.report import frames, words
from advisor.report.check import phrases, tables
from advisor.report.sheet import BOLD, DEFAULT_WIDTH, GREEN, RED, YELLOW, Cells, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advisor.model.check import CheckResult, Outcome, RuleResult, ScriptCheck

COLORS: dict[Outcome, str] = {
    "regression": RED, "could-not-measure": YELLOW, "not-comparable": YELLOW, "inconclusive": YELLOW,
    "improvement": GREEN, "pass": GREEN,
}  # fmt: skip
RULE_COLORS = {"error": RED, "warning": YELLOW, "better": GREEN}
LEGEND = (
    "base, head: wall time of an undisturbed run, median ± half the interquartile range. head/base: 95% interval, over "
    "1 is slower. p: chance of such a ratio between equal arms. alarms: share of equal arms that the rule calls "
    "different here. used: time of all pairs."
)


def render(result: CheckResult, *, width: int = DEFAULT_WIDTH, color: bool = False) -> str:
    """The check as text of about `width` columns; ANSI colours where `color` is set."""
    page = _Page(result, width, color)
    return "\n\n".join(block for block in page.blocks() if block) + "\n"


class _Page(Sheet):
    """The blocks of one check at one width."""

    def __init__(self, result: CheckResult, width: int, color: bool) -> None:
        super().__init__(width, color)
        self.result = result

    def blocks(self) -> Iterator[str]:
        """Blocks from the answer down to where it was measured; an empty one has nothing to say."""
        result = self.result
        yield self.paint(self.wrap(phrases.verdict(result)), BOLD + COLORS[result.outcome])
        yield self._lines(phrases.others(result))
        yield self._scripts()
        yield self._runs()
        for script in tables.worst_first(result):
            yield from self._script(script) if _tells(script) else ()
        yield self._lines(*(f"Note: {phrases.plain(note)}" for note in result.notes))
        yield self._lines(*(f"Next: {step}." for step in phrases.next_steps(result)))
        yield self._lines(phrases.compared(result), phrases.machine(result))

    def _scripts(self) -> str:
        rows = [
            (
                self._name(row.name, self.width * 3 // 10),
                self.paint("new" if row.new else phrases.SHORT[row.outcome], "" if row.new else COLORS[row.outcome]),
                words.gain(row.ratio) if row.ratio is not None else words.UNKNOWN,
                words.percent(row.threshold),
                phrases.chance(row.p_value),
            )
            for row in frames.rows(tables.scripts(self.result))
        ]
        headers = ("script", "verdict", "head/base", "limit", "p")
        return self.table("Base against head", headers, rows, left=("script", "verdict"))

    def _runs(self) -> str:
        rows = [self._run(row) for row in frames.rows(tables.scripts(self.result)) if row.pairs]
        headers = ("script", "base", "head", "pairs", "alarms", "used")
        block = self.table("Undisturbed runs, base and head in turn", headers, rows, left=("script",))
        return f"{block}\n{self.wrap(LEGEND)}" if block else ""

    def _run(self, row: frames.Row) -> Cells:
        return (
            self._name(row.name, self.width // 4),
            words.spread(row.base_s, row.base_low_s, row.base_high_s),
            words.spread(row.head_s, row.head_low_s, row.head_high_s),
            words.count(row.pairs),
            words.percent(row.false_alarm_rate),
            words.seconds(row.spent_s),
        )

    def _script(self, script: ScriptCheck) -> Iterator[str]:
        """Why one script came out as it did."""
        title = f"{phrases.plain(script.name)}: {phrases.outcome(script)}"
        if script != phrases.foremost(self.result):  # of that one the verdict has said why
            title += f": {phrases.plain(script.reason)}"
        title = self.wrap(title)
        told = (each for each in script.rules if _tells_more(each))
        yield "\n".join((self.paint(title, BOLD), *map(self._rule, told)))
        yield self._sites(script)
        yield self._lines(
            phrases.basis(script),
            phrases.self_test(script.self_test, script.threshold) if script.self_test is not None else "",
            phrases.instructions(script.instructions) if script.instructions is not None else "",
            *(f"Note: {phrases.plain(note)}" for note in script.notes),
        )

    def _rule(self, found: RuleResult) -> str:
        outcome = phrases.rule_outcome(found)
        head = f"{found.code} {outcome}: "
        text = self.wrap(head + phrases.rule(found), indent="  ")
        painted = self.paint(head, RULE_COLORS.get(outcome, ""))
        return painted + text[len(head) :] if text.startswith(head) else text

    def _sites(self, script: ScriptCheck) -> str:
        rows = [
            (
                self._name(row.function, self.width // 6 + 1),
                words.place(row.file, row.line, width=self.width // 5),
                words.seconds(row.base_s),
                words.seconds(row.head_s),
                phrases.signed(row.delta_s) + (f" ±{words.seconds(row.spread_s)}" if row.spread_s is not None else ""),
                row.state,
            )
            for row in frames.rows(tables.sites(script))
        ]
        headers = ("function", "where", "base", "head", "change", "kind")
        title = f"Functions whose time changed in {self._name(script.name, self.width // 3)}, from profiles"
        return self.table(title, headers, rows, left=("function", "where", "kind"))

    def _lines(self, *paragraphs: str) -> str:
        return "\n".join(self.wrap(text, "  ") for text in paragraphs if text)

    def _name(self, text: str, width: int) -> str:
        return words.cut(words.printable(text), width)


def _tells_more(found: RuleResult) -> bool:
    """True for a rule that says what the rest does not: of seconds, the ratio is told as it is."""
    return found.outcome == "worse" or (found.outcome != "ok" and found.rule != "time")


def _tells(script: ScriptCheck) -> bool:
    """True where there is more to say of a script than its row in the table does."""
    return script.outcome != "pass" or bool(script.notes) or any(each.outcome == "worse" for each in script.rules)
