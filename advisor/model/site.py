"""A place in the user's code where time goes, with all that is known of it before a recommendation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from advisor.model.ledger import Ledger
from advisor.model.recording import RecordedSite, SiteKind

BoundName = Literal["io-wait", "cpu-bound", "lock-wait", "mixed", "unknown"]
Detail = Literal[
    "network", "disk", "sleep", "child-process", "pipe", "python", "native", "gil", "lock", "import", "unknown"
]
Workers = Literal["any", "threads", "processes"]
SafetyStatus = Literal["safe", "dependent", "unsafe", "withheld", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What limits a site, named, with the evidence in words ("waits on the network 97% of its time")."""

    bound: BoundName = "unknown"
    detail: Detail = "unknown"
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """Whether calls may run side by side, and whether they may be replayed, with reasons in the user's names.

    `changes` names shared state that the calls change: as written they stay serial, copies may still show what
    returning the values would gain. `opened` names connections that workers may not inherit: copies show what opening
    one in each would gain. `workers` is "threads" where other processes would not share what calls add to, or may not
    use what was opened, "processes" where threads would share what each process has to itself today.
    """

    status: SafetyStatus = "unknown"
    reasons: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    workers: Workers = "any"

    @property
    def replayable(self) -> bool:
        """True where trials may be run."""
        return self.status in ("safe", "unknown") or bool(self.changes and self.status == "unsafe")

    @property
    def limited(self) -> bool:
        """True where the calls could run on more workers if they returned what they change or opened what they use."""
        return bool(self.changes) or self.workers == "threads"

    @property
    def only_opened(self) -> bool:
        """True where nothing but open connections keeps the calls from other workers."""
        return bool(self.opened) and not self.changes and len(self.reasons) == len(self.opened)

    @property
    def freed(self) -> Safety:
        """The same calls once they do so."""
        return Safety(status="safe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Time of one source line inside a site; `source` names the profiler it came from."""

    file: str
    line: int
    hits: int | None
    time_s: float
    share: float
    source: Literal["line_profiler", "py-spy", "sampler"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A hot site.

    `wall_s` is the time of run 1 during which at least one thread was inside it, `share` that over the script's
    wall time. `calls` is None where they could not be counted. `recorded` is what run 2 knows of it (None: nothing).
    `nested_in` is the id of the site that encloses it, None for an outermost one. `child_cpus` is how many CPUs the
    child processes it waits for keep busy meanwhile. `row` is how many calls there are from one time to the next at
    which all must have ended, since a loop around theirs needs its turns in order; None where all are one row.
    """

    id: str
    file: str
    line: int
    function: str
    callee: str
    kind: SiteKind
    calls: int | None
    wall_s: float
    share: float
    ledger: Ledger
    bound: Bound = field(default_factory=Bound)
    safety: Safety = field(default_factory=Safety)
    lines: tuple[Line, ...] = ()
    recorded: RecordedSite | None = None
    nested_in: str | None = None
    child_cpus: float = 0.0
    row: int | None = None

    @property
    def at_once(self) -> int:
        """How many calls could be under way at once, whatever the workers."""
        return min(self.row or self.calls or 1, self.calls or 1)
