"""The result of a pre-merge check: base against head, script by script, with why and how sure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from advisor.model.advice import Interval
from advisor.model.fingerprint import Fingerprint

CHECK_SCHEMA = "advice-check/1"
Outcome = Literal["pass", "improvement", "regression", "inconclusive", "not-comparable", "could-not-measure"]
Level = Literal["error", "warning"]
RuleOutcome = Literal["ok", "worse", "better", "unknown"]
Arm = Literal["base", "head"]
RuleName = Literal["time", "memory", "switches", "bound", "gil", "pickled", "scaling", "pool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One undisturbed run of one arm: nothing watched it but the kernel's own accounts (wait4(2)).

    `peak_rss_bytes` is that of its largest process; CPU time and switches are of it and the children it waited for.
    """

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    voluntary_switches: int
    involuntary_switches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The runs of both arms, interleaved: `base[i]` and `head[i]` ran next to each other."""

    base: tuple[Run, ...] = ()
    head: tuple[Run, ...] = ()

    def __post_init__(self) -> None:
        if len(self.base) != len(self.head):
            raise ValueError("pairs have two arms of one length")

    def __len__(self) -> int:
        return len(self.base)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """An A/A check: runs of one revision compared with runs of the same one, taken in turn within this check.

    `ratio` compares base with itself. Of `splits` stretches of one arm's runs, dealt to two in turn, `alarms` were
    called a regression or an improvement by the rule in use, `bare_alarms` by the bare ratio of the two means.
    """

    ratio: Interval
    pairs: int
    splits: int
    alarms: int
    bare_alarms: int

    @property
    def false_alarm_rate(self) -> float:
        """Share of equal arms that the rule calls different, in [0, 1]."""
        return self.alarms / self.splits

    @property
    def bare_alarm_rate(self) -> float:
        """The same for a threshold on the bare ratio of means."""
        return self.bare_alarms / self.splits


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one rule says of one script.

    `base` and `head` are the two figures in `unit` (None: not known); `ratio` is head over base with its 95% interval
    where both were measured more than once. `threshold` is the limit in words ("3%", "2x"); `message` a whole sentence.
    `samples` says how many figures an arm stand behind it.
    """

    rule: RuleName
    code: str
    outcome: RuleOutcome
    level: Level
    message: str
    threshold: str
    unit: str = ""
    base: float | None = None
    head: float | None = None
    ratio: Interval | None = None
    samples: int = 1

    @property
    def guilty(self) -> bool:
        """True where the rule is broken and the check is to fail for it."""
        return self.outcome == "worse" and self.level == "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteChange:
    """One function of the user's code whose time changed, from the two observed profiles.

    `file` is relative to the repository, with `/`; `line` its hottest line in head (base where it is gone there).
    Seconds are the function's own, with what it calls in libraries, scaled to the undisturbed median of the arm.
    `state` is the kind of time that changed most: a field of `Ledger`. `spread_s` is the standard error
    of the difference over repeated profiles, None with one.
    """

    file: str
    line: int
    function: str
    base_s: float
    head_s: float
    state: str
    spread_s: float | None = None

    @property
    def delta_s(self) -> float:
        """Seconds more in head."""
        return self.head_s - self.base_s


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChange:
    """One stack of the differential flame graph, root first.

    Each level is `function (file)`, without a line, so that code that only moved stays one stack. Seconds are thread
    seconds of wall time in one run of base and of head.
    """

    frames: tuple[str, ...]
    base_s: float
    head_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """A second witness where the kernel counts: user-mode instructions of a run of each arm (`perf stat`), medians."""

    base: float
    head: float
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptCheck:
    """One script's check.

    `name` tells it from the others ("bench.py --small"); `file` is the script relative to the repository, None for a
    module that was not found there. `reason` says why in a sentence. `ratio` is head over base, of seconds, with its
    95% interval; over 1 is slower. `undisturbed` is True where it says what the code takes where the machine leaves it
    alone, False where it compares typical runs. `p_value` is the chance of such a ratio between equal arms (None: not
    tested). `threshold` is the smallest change that counts, a share. `budget_s` is what was allowed for its pairs,
    `spent_s` what they took. `new` is True where there is nothing to
    compare with yet: base has no such script. `alone` are runs of head where no base ran beside it.
    """

    name: str
    file: str | None
    outcome: Outcome
    reason: str
    threshold: float
    budget_s: float
    spent_s: float = 0.0
    warn_only: bool = False
    pairs: Pairs = field(default_factory=Pairs)
    alone: tuple[Run, ...] = ()
    ratio: Interval | None = None
    undisturbed: bool = True
    p_value: float | None = None
    self_test: SelfTest | None = None
    rules: tuple[RuleResult, ...] = ()
    sites: tuple[SiteChange, ...] = ()
    stacks: tuple[StackChange, ...] = ()
    instructions: Instructions | None = None
    notes: tuple[str, ...] = ()
    new: bool = False

    @property
    def guilty_site(self) -> SiteChange | None:
        """The function that grew most, None where none did."""
        return next((site for site in self.sites if site.delta_s > 0), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One side of the comparison: `name` as people say it ("origin/main"), its commit, and why it was chosen.

    `commit` is "" where there is none (a stored baseline of an unknown one). `dirty` is True where the working tree
    has changes that are in no commit.
    """

    name: str
    commit: str
    why: str = ""
    dirty: bool = False

    @property
    def shown(self) -> str:
        """Name and short commit for people."""
        short = self.commit[:10]
        named = self.name if not short or self.name == short else f"{self.name} ({short})"
        return f"{named} with uncommitted changes" if self.dirty else named


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The whole check. `outcome` is that of all scripts together, `warn_only` whether it may fail the job."""

    advisor_version: str
    created: str
    base: Revision
    head: Revision
    fingerprint: Fingerprint
    scripts: tuple[ScriptCheck, ...]
    total_s: float
    warn_only: bool = False
    interrupted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The worst of the scripts' outcomes; a new script, which has nothing to be compared with, does not count."""
        counted = [script.outcome for script in self.scripts if not script.new]
        return next((outcome for outcome in WORST_FIRST if outcome in counted), "pass")


WORST_FIRST: tuple[Outcome, ...] = (
    "regression", "could-not-measure", "not-comparable", "inconclusive", "improvement", "pass",
)  # fmt: skip
