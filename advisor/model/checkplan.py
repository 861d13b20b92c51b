"""What a pre-merge check is to do: which scripts, how they are run, which rules hold and from where on they count."""

from __future__ import annotations

from dataclasses import dataclass, field

from advisor.model.check import Level, RuleName
from advisor.model.trial import WorkerMix

DEFAULT_THRESHOLD = 0.03
"""Smallest change of seconds that counts: arms run side by side differ by a tenth of it on a shared runner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """From where on a rule is broken, and whether that fails the check.

    `threshold` is a share (0.2: a fifth more, or 20 points of a share); of the rule `pool`, times away from the
    advised size.
    """

    threshold: float
    level: Level

    def __post_init__(self) -> None:
        if not self.threshold > 0:
            raise ValueError(f"a threshold is over 0, not {self.threshold}")


DEFAULT_RULES: dict[RuleName, Rule] = {
    "time": Rule(threshold=DEFAULT_THRESHOLD, level="error"),
    "memory": Rule(threshold=0.2, level="error"),
    "switches": Rule(threshold=1.0, level="warning"),
    "bound": Rule(threshold=0.2, level="warning"),
    "gil": Rule(threshold=0.2, level="warning"),
    "pickled": Rule(threshold=0.2, level="warning"),
    "scaling": Rule(threshold=0.2, level="warning"),
    "pool": Rule(threshold=2.0, level="warning"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one script; None where a rule is turned off."""

    time: Rule | None = DEFAULT_RULES["time"]
    memory: Rule | None = DEFAULT_RULES["memory"]
    switches: Rule | None = DEFAULT_RULES["switches"]
    bound: Rule | None = DEFAULT_RULES["bound"]
    gil: Rule | None = DEFAULT_RULES["gil"]
    pickled: Rule | None = DEFAULT_RULES["pickled"]
    scaling: Rule | None = DEFAULT_RULES["scaling"]
    pool: Rule | None = DEFAULT_RULES["pool"]

    def of(self, name: RuleName) -> Rule | None:
        """The rule of that name, None where it is turned off."""
        rule: Rule | None = getattr(self, name)
        return rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one script is checked, every default resolved.

    `threshold` is the smallest change of seconds that counts, a share; it is also that of `rules.time`, where that is
    on. `budget_s` is what its pairs may take. `false_alarms` is the most false alarms wanted, a share. `shape` is
    whether the rules beyond seconds are looked at, which takes observed runs, and an advice an arm of what runs
    in parallel. After `timeout_s` a run is stopped (None: after a limit that its first run sets).
    """

    threshold: float = DEFAULT_THRESHOLD
    budget_s: float = 60.0
    warn_only: bool = False
    rules: Rules = field(default_factory=Rules)
    false_alarms: float = 0.01
    shape: bool = True
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedScript(Settings):
    """One script to check, with its settings.

    Exactly one of `path` (with `/`, relative to the folder of the configuration, or absolute from the command line)
    and `module` (for `-m`) is set. `name` tells it from the others. `stdin` is a file given as standard input, None:
    nothing. `mix` is the one that the scaling rule looks at, None: the mix of today.
    """

    name: str
    path: str | None = None
    module: str | None = None
    argv: tuple[str, ...] = ()
    stdin: str | None = None
    mix: WorkerMix | None = None

    def __post_init__(self) -> None:
        if (self.path is None) == (self.module is None):
            raise ValueError("a checked program is either a script or a module")

    @property
    def shown(self) -> str:
        """The program as a user would type it, without its arguments."""
        return self.path if self.path is not None else f"-m {self.module}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """The whole check as configured.

    `against` is the base revision, None: the merge base with the default branch. `share` are untracked files and
    folders, relative to the folder of the configuration, that the base needs too. `defaults` are the settings of a
    script that sets none of its own; `source` names the file they come from.
    """

    source: str = ""
    against: str | None = None
    share: tuple[str, ...] = ()
    scripts: tuple[CheckedScript, ...] = ()
    defaults: Settings = field(default_factory=Settings)

    @property
    def warn_only(self) -> bool:
        """True where the check never fails the job, whatever it finds."""
        return self.defaults.warn_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line sets for every script; None: as configured."""

    against: str | None = None
    budget_s: float | None = None
    threshold: float | None = None
    warn_only: bool | None = None
    shape: bool | None = None
