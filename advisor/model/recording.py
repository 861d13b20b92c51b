"""What run 2 recorded: the calls of each hot site, what they did besides returning, and how often functions ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from advisor.model.outline import Outline
from advisor.model.target import ScriptExit
from advisor.model.trial import WorkerMix

SiteKind = Literal["call", "loop", "pool", "inline"]
EffectKind = Literal["file-write", "file-delete", "process", "network", "database"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A side effect seen inside recorded calls: its kind, what it touched, how often."""

    kind: EffectKind
    detail: str
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSite:
    """One call expression (or pool) of the user's code as run 2 saw it.

    `line`/`end_line` span the call expression, `column` tells several on one line apart. `callee_file` and
    `callee_line` locate the callee's code (None for builtins and C functions). `calls` is the exact count.
    `traced_s` are seconds inside the calls in the traced run: good for ranking calls on one line against each
    other, for nothing else. `sampled` calls were kept for replay. `pickle_error` says why arguments or callee
    cannot be sent to another process, `pickle_s` what pickling both takes for a call. `reused_results` counts calls
    whose arguments held an earlier call's result. `mutated` names what the sampled calls changed ("self.total",
    "argument 1", "global TOTAL"), `grown` what they only added to, and `by_key` containers in which each call set
    keys of its own. `own` is what each call changed of an object that no other call was given, `fed` what calls
    read and the loop changed between them, `reads` the globals that the callee reads, itself or by the user's
    functions that it calls, `revisited` those of "self" and the arguments ("argument 1") of which an object came
    more than once, `connections` what is a connection to a database in a file, or a cursor of one, that was there
    before the calls. `unevenness` is the relative standard deviation of the sampled calls' traced seconds,
    `longest_ratio` the longest one over their mean, the first call left out; None where not known. `draws` says
    that calls are given a generator, which they use up, `gone` that the script had let go of what most of
    them need. `rows` is how often the innermost loop around them began, None where not known. `safe_requests` counts
    HTTP requests that only read. `callee_name` is the qualified name of the callee's code. `current` is the pool
    the script runs the calls on today. `outline` is the loop as a function, where the site is one and its calls are
    turns. `loop_calls` were looked at while they held up an asyncio event loop, and `loop_waiting` tasks were due
    when such a call returned, on average (None: not known). `own_workers` says of what kind is the worker that is
    started for each call and does nothing else, "" where there is none.
    """

    id: str
    file: str
    line: int
    end_line: int
    column: int
    function: str
    callee: str
    callee_file: str | None = None
    callee_line: int | None = None
    callee_name: str | None = None
    kind: SiteKind = "call"
    calls: int
    in_loop: bool = True
    traced_s: float = 0.0
    sampled: int = 0
    unevenness: float | None = None
    longest_ratio: float | None = None
    pickle_error: str | None = None
    argument_bytes: float = 0.0
    result_bytes: float = 0.0
    pickle_s: float = 0.0
    reused_results: int = 0
    draws: bool = False
    gone: bool = False
    rows: int | None = None
    mutated: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()
    by_key: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    fed: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    revisited: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    safe_requests: int = 0
    effects: tuple[Effect, ...] = ()
    current: WorkerMix | None = None
    outline: Outline | None = None
    loop_calls: int = 0
    loop_waiting: float | None = None
    own_workers: Literal["", "threads", "processes"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCount:
    """How often a function ran, by cProfile, in all threads. `complete` is False where counting was cut short."""

    file: str
    line: int
    function: str
    calls: int
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Run 2.

    `native_libraries` are the paths of shared objects loaded at the end. `staged` is True where the finished script
    can be forked for trials; else `unstaged_why` says why not.
    """

    exit: ScriptExit
    wall_s: float
    sites: tuple[RecordedSite, ...] = ()
    functions: tuple[FunctionCount, ...] = ()
    staged: bool = False
    unstaged_why: str = ""
    native_libraries: tuple[str, ...] = ()
    python: str = ""
    gil: bool = True
    start_method: str = "fork"
    line_profiler: bool = False
