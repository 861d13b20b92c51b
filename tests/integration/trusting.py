"""Record one small script, try its calls as `advise` would, and hand back the findings that its user would see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from staging import THREADS, staged

from advisor.analyse.bound import judge
from advisor.analyse.safety import assess
from advisor.model.advice import Finding, Severity
from advisor.model.ledger import Ledger
from advisor.model.machine import Machine
from advisor.model.site import Safety, Site
from advisor.model.trial import Trial, WorkerMix
from advisor.recommend.balance import recommend
from advisor.recommend.flags import site_findings
from advisor.replay.merge import Book

PYTHON = Ledger(python=1.0)
TIMEOUT_S = 20.0
SOON_S = 1.5
"""Time for a trial that is expected never to end; what does end here takes a tenth of it."""
SCRIPT_S = 10.0
MACHINE = Machine(cpus=2, usable_cpus=2.0, memory_bytes=8 << 30, available_bytes=4 << 30, python="3.11.7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of one script: trials in order, judgement, findings."""

    trials: tuple[Trial, ...]
    safety: Safety
    findings: tuple[Finding, ...]

    def outcomes(self) -> tuple[str, ...]:
        """How each trial ended, serial's first."""
        return tuple(trial.outcome for trial in self.trials)

    def told(self, code: str, *severities: Severity) -> str:
        """The messages of one code, of these severities (none: any), joined."""
        found = [each for each in self.findings if each.code == code]
        return "; ".join(each.message for each in found if not severities or each.severity in severities)


def seen(  # noqa: PLR0913  # how long each may take is two of them
    folder: Path,
    source: str,
    *,
    mixes: Sequence[WorkerMix] = (THREADS,),
    call_s: float | None = None,
    timeout_s: float = TIMEOUT_S,
    serial_timeout_s: float = TIMEOUT_S,
) -> Seen:
    """Trials of the calls of `step` in `source`: serial, then each of `mixes` where serial works, then the findings.

    `call_s` is what a call took in run 1, where the script itself says so; else what its serial replay takes.
    """
    with staged(folder, source) as run:
        (recorded,) = [each for each in run.recording.sites if each.callee.rpartition(".")[2] == "step"]
        book = Book(recorded.calls)
        serial = book.add(run.run(recorded.callee, timeout_s=serial_timeout_s))
        for mix in mixes if serial.ok else ():
            book.add(run.run(recorded.callee, mix, timeout_s=timeout_s))
    if call_s is None:
        call_s = median(serial.wall_s) / serial.tasks if serial.ok else 0.0
    place = Site(
        id=recorded.id, file=recorded.file, line=recorded.line, function=recorded.function, callee=recorded.callee,
        kind="call", calls=recorded.calls, wall_s=call_s * recorded.calls, share=0.9, ledger=PYTHON,
        bound=judge(PYTHON, 500), safety=assess(recorded, PYTHON), recorded=recorded,
    )  # fmt: skip
    trials = book.trials()
    answer = recommend(place, trials, MACHINE, script_wall_s=SCRIPT_S)
    return Seen(trials=trials, safety=place.safety, findings=tuple(site_findings(place, trials, answer, MACHINE)))
