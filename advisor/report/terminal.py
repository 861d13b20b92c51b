"""The advice for a terminal: the verdict first, then the figures it rests on, in plain text tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.model.target import OWN_INTERPRETER
from advisor.recommend.balance import may_pause_by_what_it_changes
from advisor.report import frames, words
from advisor.report.sheet import BOLD, DEFAULT_WIDTH, GREEN, RED, YELLOW, Cells, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advisor.model.advice import Advice, Recommendation, SiteAdvice

LINE_COUNT = 8  # lines shown of the best site; all of them stand in the HTML report
CHANGE_LINES = 8  # a longer change is left to the HTML report
MARKED = ">"  # before the recommended row
SEVERITY_COLOR = {"error": RED, "warning": YELLOW, "info": ""}


def render(advice: Advice, *, width: int = DEFAULT_WIDTH, color: bool = False) -> str:
    """The advice as text of about `width` columns; ANSI colours where `color` is set."""
    page = _Page(advice, width, color)
    return "\n\n".join(block for block in page.blocks() if block) + "\n"


class _Page(Sheet):
    """The blocks of one advice at one width."""

    def __init__(self, advice: Advice, width: int, color: bool) -> None:
        super().__init__(width, color)
        self.advice = advice

    def blocks(self) -> Iterator[str]:
        """Blocks from the answer down to what it cost; an empty one has nothing to say."""
        best = self.advice.best_site
        yield self._verdict()
        yield self._change()
        yield self._sites()
        if best is not None:
            yield self._trials(best)
            yield self._lines(best)
        yield self._findings()
        yield self._cost()

    def _verdict(self) -> str:
        text = self.wrap(words.printable(self.advice.verdict))
        basis = self._basis()
        return self.paint(text, BOLD) + (f"\n{self.wrap(basis)}" if basis else "")

    def _basis(self) -> str:
        """What the verdict rests on: trials, or a prediction, said in so many words."""
        best = self.advice.best_site
        advised = best.recommendation if best is not None else None
        if best is None or advised is None:
            return ""
        limit = f" Limited by: {words.limit(advised)}." if advised.limit else ""
        return f"{_ground(best, advised)}{self._unsaid(advised.reason)}.{limit}"

    def _unsaid(self, reason: str) -> str:
        """The reason, where the verdict has not given it already."""
        said = reason.partition(" (")[0] in self.advice.verdict
        return "" if said or not reason else f": {words.printable(reason)}"

    def _change(self) -> str:
        """The lines to write, where they are few; they begin at the margin, to be copied."""
        best = self.advice.best_site
        if best is None or not best.snippet:
            return ""
        lines = best.snippet.rstrip("\n").split("\n")
        if len(lines) > CHANGE_LINES:
            return f"{self.paint('Change', BOLD)}: {len(lines)} lines, see the HTML report."
        return "\n".join((f"{self.paint('Change', BOLD)}:", *map(words.printable, lines)))

    def _sites(self) -> str:
        table = frames.sites(self.advice)
        rows = [
            (
                (f"{MARKED} " if row.best else "  ") + words.cut(words.printable(row.callee), self.width // 4),
                words.place(row.file, row.line, width=self.width // 3),
                words.percent(row.share),
                words.count(row.calls),
                row.bound,
                row.detail,
            )
            for row in frames.rows(table)
        ]
        headers = ("hot call", "where", "share", "calls", "bound", "detail")
        wall = words.seconds(self.advice.baseline.wall_s)
        seen = "" if self.advice.baseline.source == "py-spy" else f", by the {self.advice.baseline.source}"
        title = f"Where the {wall} of the script went{seen}"
        return self.table(title, headers, rows, left=("hot call", "where", "bound", "detail"))

    def _trials(self, best: SiteAdvice) -> str:
        rows = frames.rows(frames.trials(best))
        if not rows:
            return ""
        headers = ("mix", "a call", "n", "speed-up", "CPU", "switch", "peak")
        title = f"Trials of {words.cut(words.printable(best.site.callee), self.width // 2)}, measured"
        block = self.table(title, headers, [self._trial(row) for row in rows], left=("mix",))
        notes = [_note(row) for row in rows if row.outcome != "ok"] + _predicted(best)
        return "\n".join((block, *map(self.wrap, (*notes, _legend(best)))))

    def _trial(self, row: frames.Row) -> Cells:
        ok = row.outcome == "ok"
        switches = f"{words.rate(row.voluntary_per_task)}/{words.rate(row.involuntary_per_task)}"
        cells = (
            (f"{MARKED} " if row.recommended else "  ") + _short_mix(row.mix),
            words.spread(row.task_s, row.task_low_s, row.task_high_s) if ok else row.outcome.replace("_", " "),
            f"{row.repeats}x{row.tasks}" if ok else words.UNKNOWN,
            words.interval(row.speedup, row.speedup_low, row.speedup_high),
            words.seconds(row.cpu_per_task_s, digits=2) if ok else words.UNKNOWN,
            switches if ok else words.UNKNOWN,
            words.size(row.peak_pss_bytes),
        )
        return tuple(self.paint(cell, GREEN) for cell in cells) if row.recommended else cells

    def _lines(self, best: SiteAdvice) -> str:
        table = frames.lines(best)
        rows = [
            (
                words.place(row.file, row.line, width=self.width // 4),
                words.count(row.hits),
                words.percent(row.share),
                words.cut(words.printable(row.text.strip()), self.width - self.width // 4 - 32),
                row.source,
            )
            for row in frames.rows(table.head(LINE_COUNT))
        ]
        left = len(table) - len(rows)
        name = words.cut(words.printable(best.site.callee), self.width // 3)
        title = f"Lines of {name}" + (f" ({left} more in the report)" if left else "")
        return self.table(title, ("line", "hits", "share", "code", "source"), rows, left=("line", "code", "source"))

    def _findings(self) -> str:
        return "\n".join(self._finding(row) for row in frames.rows(frames.findings(self.advice, tried=True)))

    def _finding(self, row: frames.Row) -> str:
        head = f"{row.code} {row.severity}{self._of_other_site(row.site)}: "
        text = self.wrap(head + words.printable(row.message), indent="  ")
        painted = self.paint(head, SEVERITY_COLOR[row.severity])
        return painted + text[len(head) :] if text.startswith(head) else text

    def _of_other_site(self, site_id: str | None) -> str:
        """Whose finding it is, where it is not the best site's or the whole run's."""
        entry = next((entry for entry in self.advice.sites if entry.site.id == site_id), None)
        if entry is None or entry is self.advice.best_site:
            return ""
        return f" ({words.cut(words.printable(entry.site.callee), self.width // 4)}, line {entry.site.line})"

    def _cost(self) -> str:
        cost, base = self.advice.cost, self.advice.baseline
        tried = any(entry.trials for entry in self.advice.sites)
        runs = f"{words.plural(cost.runs, 'run')} of the script" + (" and trials" if tried else ", no trials")
        samples = f"{words.count(base.samples)} samples, {words.count(base.sample_errors)} missed"
        return self.wrap(
            f"Cost of this advice: {runs}, {words.seconds(cost.total_s)} (observe "
            f"{words.seconds(cost.observe_s)}, record {words.seconds(cost.record_s)}, replay "
            f"{words.seconds(cost.replay_s)}). Shares: {base.source}, {samples}.{self._interpreter()}"
        )

    def _interpreter(self) -> str:
        """Which interpreter ran the script, and why that one, where it is not the one that runs `advise`."""
        target = self.advice.target
        if target.python_why == OWN_INTERPRETER:
            return ""
        version = words.printable(self.advice.machine.python)
        return f" Run by Python {version}: {words.printable(target.python)} ({target.python_why})."


def _ground(best: SiteAdvice, advised: Recommendation) -> str:
    """What an answer rests on, in a few words."""
    if not advised.measured:
        stays = advised.mix == frames.today_mix(best)
        if best.after_change is not None:
            return f"What would be gained after the change is measured, in {words.runs(best.trials)} of copies"
        gains = f"{words.gain(advised.speedup)} the site, {words.gain(advised.script_speedup)} the script"
        if stays and may_pause_by_what_it_changes(best.site):
            return "No gain is promised: what the calls change may say how long they pause"
        trials = "its trials do not stand for the job" if best.trials else "no trials"
        return f"Not measured: {trials}" if stays else f"PREDICTED, not measured ({advised.mix}: {gains})"
    return f"{'Measured' if advised.decided else 'Undecided'} in {words.runs(best.trials)}"


def _legend(best: SiteAdvice) -> str:
    """What the columns of the trial table mean."""
    return (
        "a call: wall time of a trial over its calls, workers already started, median ± half the range. n: repeats x "
        f"calls. speed-up: against {frames.today_mix(best)}, 95% interval, of a single repeat what a machine's drift "
        "can do to it; the verdict's counts starting the workers as well. CPU, switch: CPU time and context switches "
        "(voluntary/involuntary) a call. peak: memory of all processes, shared pages once. "
        f"{MARKED} advised."
    )


def _predicted(best: SiteAdvice) -> list[str]:
    """What run 1 had let expect of the advised mix, or of the fastest, beside what its trials came to."""
    advised = (best.after_change or best.recommendation, *best.predictions)
    wanted = next((each.mix for each in advised if each is not None and each.mix.workers > 1), None)
    found = next((each for each in best.predictions if each.mix == wanted), None)
    if found is None:
        return []
    figures = f"{words.ratio(found.predicted)}; measured {words.ratio(found.measured)} ({found.error:+.0%})"
    return [f"Predicted from run 1 for {found.mix}: {figures}."]


def _short_mix(mix: str) -> str:
    """A mix in fewer letters where it is long, so that the trial table fits 80 columns."""
    short = mix.replace(", chunks of ", " /").replace(" with ", ", ").replace(" native thread each", " native")
    return short.replace("processes x", "proc x").replace(" threads", " thr") if " x " in mix else short


def _note(row: frames.Row) -> str:
    """Why a trial has no seconds."""
    why = f": {words.printable(row.error)}" if row.error else ""
    return f"{row.mix} {row.outcome.replace('_', ' ')}{why}"
