"""The result: what to change, what it gains, what it costs, how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from advisor.model.machine import Machine, Noise
from advisor.model.profile import RunProfile
from advisor.model.recording import FunctionCount
from advisor.model.site import Site
from advisor.model.target import AdviceSettings, ScriptExit, Target
from advisor.model.trial import Trial, WorkerMix

Severity = Literal["info", "warning", "error"]
SCHEMA = "advice/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A ratio with its 95% interval; low <= value <= high."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"interval out of order: {self.low} <= {self.value} <= {self.high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A coded remark. `evidence` holds the figures that raised it, JSON types only, units in the names."""

    code: str
    severity: Severity
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What to run a site on.

    `speedup` is of the site, `script_speedup` of the whole script, both against what the script does today.
    `measured` is False where no trial could be run and the figures are predicted from the ledger. `decided`
    is False where the samples cannot settle the choice ("inconclusive"). `limit` names what stops a larger
    mix from being faster: "cores", "GIL", "tasks", "longest task", "memory", "noise", "workers tried" where none did as
    far as the trials went, "failures" where every parallel trial failed, "" where unknown. `ceiling` is the speed-up
    that the longest task alone allows, None where not known.
    """

    mix: WorkerMix
    speedup: Interval
    script_speedup: Interval
    measured: bool
    reason: str
    decided: bool = True
    limit: str = ""
    ceiling: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Speed-up over serial that the ledger of run 1 let expect of a mix, and what its trials came to.

    `error` is predicted over measured, minus one.
    """

    mix: WorkerMix
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """How far the prediction was off, as a share of what was measured; positive where it hoped for too much."""
        return self.predicted / self.measured - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAdvice:
    """A site with its trials (repeats merged, one entry a mix), recommendation and findings.

    `after_change` is what the trials show for calls that returned what they now change or add to, None where that
    would gain nothing more or cannot be promised. `predictions` set the parallel trials beside what was expected of
    them. `snippet` is the change to make in the user's own names, whole Python statements; "" where there is none.
    """

    site: Site
    trials: tuple[Trial, ...] = ()
    recommendation: Recommendation | None = None
    after_change: Recommendation | None = None
    predictions: tuple[Prediction, ...] = ()
    findings: tuple[Finding, ...] = ()
    snippet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Run 1 in the kernel's figures. `import_s` is the time inside import statements."""

    wall_s: float
    cpu_s: float
    import_s: float
    peak_pss_bytes: int
    voluntary_switches: int
    involuntary_switches: int
    runqueue_s: float = 0.0
    source: str = "py-spy"
    samples: int = 0
    sample_errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the advice itself cost, in seconds of wall time."""

    runs: int
    observe_s: float
    record_s: float
    replay_s: float
    total_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The whole result of one `advise`. `best` is the id of the site the verdict speaks of, None where there is none.

    `verdict` is the sentence for people. `created` is an ISO 8601 time in UTC. `interrupted` is True where Ctrl-C cut
    short any step: the advice is then on what was known by then. `noise` is that of the machine before the trials,
    None where there were none. `settings` are those it was made with.
    """

    advisor_version: str
    created: str
    target: Target
    exit: ScriptExit
    machine: Machine
    baseline: Baseline
    cost: Cost
    verdict: str
    sites: tuple[SiteAdvice, ...] = ()
    best: str | None = None
    findings: tuple[Finding, ...] = ()
    functions: tuple[FunctionCount, ...] = ()
    interrupted: bool = False
    noise: Noise | None = None
    settings: AdviceSettings = field(default_factory=AdviceSettings)
    profile: RunProfile = field(default_factory=RunProfile)

    @property
    def best_site(self) -> SiteAdvice | None:
        """The site the verdict speaks of."""
        return next((entry for entry in self.sites if entry.site.id == self.best), None)

    @property
    def conclusive(self) -> bool:
        """False where the answer is "inconclusive" or "could not measure anything"."""
        best = self.best_site
        return best is not None and best.recommendation is not None and best.recommendation.decided

    @property
    def certain(self) -> bool:
        """True where no answer is open, and where none that would change the script rests on a prediction."""
        answers = [entry.recommendation for entry in self.sites if entry.recommendation is not None]
        changes = [each for each in answers if each.speedup.value != 1.0]
        return self.conclusive and all(each.decided for each in answers) and all(each.measured for each in changes)
