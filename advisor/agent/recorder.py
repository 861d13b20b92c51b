"""The recorder: all sites of this interpreter, and what they share."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING

from .site import Site
from .turns import Turns

if TYPE_CHECKING:
    from .effects import Effects
    from .outline import Plan
    from .values import Function, Value

_PART = 1 / 3  # of what is left of the allowance, for each site
_LOOKING = 4.0  # allowances: looks at what the first calls can change, which safety rests on
# Functions of these look at the frame that calls them, and must find the user's.
_FRAME_READERS = frozenset(
    {
        "_warnings", "abc", "collections", "dataclasses", "enum", "inspect", "logging", "sys", "traceback", "types",
        "typing", "warnings",
    }
)  # fmt: skip
_FRAME_READING_PACKAGES = frozenset({"duckdb", "fire", "formulaic", "icecream", "loguru", "numexpr", "patsy"})
_FRAME_READING_NAMES = {"pandas": ("query", "eval"), "statsmodels": ("from_formula",)}


class Allowance:
    """How long recording may take in all; what is over is not recorded, and the script goes on.

    A site that comes later must find something left: each may spend a part of what the ones before it left.
    """

    def __init__(self, seconds: float, whole: Allowance | None = None) -> None:
        """`whole` is what this one is a part of."""
        self.left_s = seconds
        self.whole = whole

    def part(self) -> Allowance:
        """What one more site may spend."""
        return Allowance(self.left_s * _PART, self)

    def spend(self, seconds: float) -> None:
        """Take `seconds` off."""
        self.left_s -= seconds
        if self.whole is not None:
            self.whole.left_s -= seconds


class Recorder:
    """All sites of this interpreter."""

    def __init__(
        self, effects: Effects, allowance_s: float, is_own: Callable[[str], bool] = lambda _path: True
    ) -> None:
        """`allowance_s` is how long recording may take in all; `is_own(path)` tells the user's own files."""
        self.effects = effects
        self.is_own = is_own
        self.allowance = Allowance(allowance_s)
        self.looking = Allowance(allowance_s * _LOOKING)
        self.sites: dict[str, Site] = {}
        self.recording = True
        self.passed_by: set[object] = set()

    def leaves_alone(self, function: Function) -> bool:
        """True for methods of pools, whose task is what they are given, and for what reads its caller's frame."""
        if type(function) is types.MethodType and function.__func__ in self.passed_by:
            return True
        module = getattr(function, "__module__", None)
        if type(module) is not str or module in _FRAME_READERS:
            return module in _FRAME_READERS
        package = module.partition(".")[0]
        if package in _FRAME_READING_NAMES:
            return getattr(function, "__name__", "") in _FRAME_READING_NAMES[package]
        return package in _FRAME_READING_PACKAGES

    def new_site(self, **where: Value) -> Site:
        """Register a site; the instrumenter and the pools call this."""
        site = Site(self, where)
        self.sites[site.id] = site
        return site

    def new_turns(self, plan: Plan, make: Callable[[dict[str, Value]], Function], **where: Value) -> Turns:
        """Register a loop whose turns are recorded; `make(globals)` gives it as a function."""
        site = Turns(self, where, plan, make)
        self.sites[site.id] = site
        return site

    def stop(self) -> None:
        """The script is over: record nothing more."""
        self.recording = False
        self.effects.mode = "off"
        for site in list(self.sites.values()):
            site.finish()
        for owners, kind, detail in self.effects.relay.read():
            self.charge(owners, kind, detail)

    def charge(self, owners: list[str], kind: str, detail: str) -> None:
        """An effect of a forked worker belongs to the sites under way at its start, and to all that processes run."""
        for site in self.sites.values():
            pooled = site.current is not None and site.current["backend"] == "processes"
            if site.id in owners or site.processes or (pooled and site.where["kind"] == "pool"):
                site.notes.add(kind, detail)
