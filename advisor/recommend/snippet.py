"""The change to make at a site, in the user's own names: whole statements to copy."""

from __future__ import annotations

import ast
from dataclasses import replace

from advisor.analyse import source
from advisor.analyse.dependence import carried
from advisor.analyse.shared import is_random
from advisor.model.advice import Recommendation
from advisor.model.machine import Machine
from advisor.model.recording import RecordedSite
from advisor.model.site import Site
from advisor.model.trial import WorkerMix
from advisor.recommend.balance import current_mix
from advisor.recommend.overhead import native_setting
from advisor.recommend.parallel import DEFAULT_EXECUTOR_EXTRA, DEFAULT_EXECUTOR_MOST
from advisor.recommend.rewrite.around import Callee, climb
from advisor.recommend.rewrite.change import Change, NoChangeError
from advisor.recommend.rewrite.comprehensions import rewritten_comprehension
from advisor.recommend.rewrite.coroutines import awaited
from advisor.recommend.rewrite.pools import rewritten_pool
from advisor.recommend.rewrite.statements import rewritten_loop
from advisor.recommend.rewrite.turns import rewritten_turns
from advisor.recommend.rewrite.unforked import warned

MOST_TASKS = 100_000
"""Tasks that a pool is handed at once: each costs it about 1 kB until its result is taken."""

LONGEST = 10_000
"""Characters of a change; a longer one holds data rather than code, and no page shows so long a line whole."""


def snippet(site: Site, advice: Recommendation | None, machine: Machine) -> str:
    """What to write in place of the lines of a site so that it runs on the advised mix, "" where that is not sure.

    Whole Python statements that compile, imports first.
    """
    found = change_of(site, advice, machine)
    return found.snippet if found is not None else ""


def change_of(site: Site, advice: Recommendation | None, machine: Machine) -> Change | None:
    """The change with the lines that it replaces; None where output could differ, or nothing is to be changed."""
    recorded = site.recorded
    if recorded is None or advice is None or not advice.decided or advice.mix == current_mix(site):
        return None
    many = recorded.kind != "pool" and (site.calls or recorded.calls) > MOST_TASKS * advice.mix.chunk
    if many or advice.mix.backend == "serial" or not _is_safe(site, recorded, advice.mix):
        return None
    try:
        found = warned(_written(site, recorded, advice.mix, machine), recorded.file, recorded.reads, advice.mix)
        found = _native(found, advice.mix, machine)
    except (NoChangeError, RecursionError):  # the second by code nested deeper than any reader would follow
        return None
    return found if len(found.snippet) <= LONGEST and compiles(found.snippet) else None


def compiles(text: str) -> bool:
    """True for statements that a file could hold, or a function where they return or await something."""
    try:
        module = ast.parse(text)
        around = ast.parse("async def around(): pass")
        function = around.body[0]
        assert isinstance(function, ast.AsyncFunctionDef)
        function.body = module.body
        compile(around, "<snippet>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _is_safe(site: Site, recorded: RecordedSite, mix: WorkerMix) -> bool:
    """True for calls whose output does not depend on their order, as far as both witnesses tell."""
    if site.safety.status != "safe" or any(map(is_random, recorded.mutated)):
        return False
    match site.safety.workers:
        case "any":
            return True
        case "threads":  # as threads may use a connection that they share
            return mix.processes == 1 and site.safety.only_opened
        case "processes":
            return mix.threads_per_process == 1


def _written(site: Site, recorded: RecordedSite, mix: WorkerMix, machine: Machine) -> Change:
    if recorded.kind == "pool" and recorded.current is not None:
        return rewritten_pool(recorded.file, recorded.line, mix, recorded.current)
    if recorded.outline is not None:
        return rewritten_turns(recorded.outline, mix, recorded.reads)
    if site.kind != "call":
        raise NoChangeError("no call")
    return _of_call(recorded, mix, machine)


def _of_call(recorded: RecordedSite, mix: WorkerMix, machine: Machine) -> Change:
    call = source.call_at(recorded)
    if call is None:
        raise NoChangeError("the call is not found")
    if recorded.loop_calls:
        return awaited(recorded.file, call, _executor(mix, machine))
    if carried(recorded):
        raise NoChangeError("a call is given what the call before returned")
    callee = Callee(file=recorded.callee_file, line=recorded.callee_line, reads=recorded.reads)
    for parent, child in climb(recorded.file, call):
        if isinstance(parent, source.Comprehension) and not isinstance(child, ast.comprehension):
            return rewritten_comprehension(recorded.file, parent, call, mix, callee)
        if isinstance(parent, ast.stmt):
            break
    return rewritten_loop(recorded.file, call, mix, callee)


def _executor(mix: WorkerMix, machine: Machine) -> str:
    """What a mix of more threads than the event loop has by default needs besides. Raises NoChangeError for others."""
    if mix.backend != "threads":
        raise NoChangeError("another pool than the loop's own")
    if mix.workers <= min(DEFAULT_EXECUTOR_MOST, machine.cpus + DEFAULT_EXECUTOR_EXTRA):
        return ""
    return f"once, first: asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor({mix.workers}))"


def _native(found: Change, mix: WorkerMix, machine: Machine) -> Change:
    """The change, with native libraries kept to the threads that the mix gives them."""
    if not mix.native_threads:
        return found
    library = max(machine.native_pools, key=lambda pool: pool.threads).library if machine.native_pools else ""
    setting = f'os.environ["{native_setting(library)}"] = "{mix.native_threads}"'
    return replace(found, top=f"import os\n\n{setting}  # before anything else is imported")
