"""One page of text a finding code, for `advise explain CODE`."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

WIDTH = 96
"""Columns of a page's text, without its indent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code means: `title` in a few words, `what` was seen, `why` it matters, `cure`."""

    code: str
    title: str
    what: str
    why: str
    cure: str

    def __str__(self) -> str:
        parts = (("What was seen", self.what), ("Why it matters", self.why), ("What to do", self.cure))
        told = [f"{title}\n{textwrap.indent(textwrap.fill(body, WIDTH), '  ')}\n" for title, body in parts]
        return "\n".join([f"{self.code}: {self.title}\n", *told])


def explain(code: str) -> Code | None:
    """The page of a code, whatever its case; None where there is no such code."""
    return CODES.get(code.strip().upper())


def _table(*codes: Code) -> dict[str, Code]:
    return {code.code: code for code in codes}


CODES = _table(
    Code(
        code="ADV101",
        title="threads that take turns at the GIL",
        what=(
            "Several threads run Python code. Only the one that holds the global interpreter lock works, the "
            "others wait for it."
        ),
        why="More threads add switching and memory, but no speed.",
        cure=(
            "Use processes, call a library that lets go of the lock while it computes, or run a free-threaded "
            "Python. Waiting for a network or a disk lets go of the lock: threads stay right for that."
        ),
    ),
    Code(
        code="ADV110",
        title="most of the time goes into imports",
        what="More than half of the run was spent in import statements.",
        why=("No balance of workers makes imports faster, and every new process that is spawned pays for them again."),
        cure="Look at `python -X importtime SCRIPT`; import large libraries only where they are used.",
    ),
    Code(
        code="ADV201",
        title="many context switches for nothing",
        what=(
            "A mix switches between threads at least ten times as often per task as serial does, and is no "
            "faster for it."
        ),
        why=(
            "Each switch costs a few microseconds and the caches' contents; threads that hand a lock back and "
            "forth do little else."
        ),
        cure=(
            "Use fewer workers, or larger chunks. Voluntary switches point to locks and waits, involuntary ones"
            " to more busy threads than cores."
        ),
    ),
    Code(
        code="ADV202",
        title="memory per process",
        what=(
            "The peak memory of the process tree (PSS: shared pages counted once) is a multiple of serial's, or"
            " a large part of what was free."
        ),
        why="When memory runs out the system swaps or kills, and either costs more than any speed-up gains.",
        cure=(
            "Use fewer processes or threads instead, load large tables inside the workers by parts, or share "
            "them (`multiprocessing.shared_memory`, memory-mapped arrays)."
        ),
    ),
    Code(
        code="ADV203",
        title="time spent on pickling",
        what="Arguments and results sent between processes take at least a tenth of the trial.",
        why="Every byte is pickled, copied through a pipe and unpickled, while a worker waits for it.",
        cure=(
            "Send names or indices instead of data, load in the worker, return summaries, or use threads where "
            "the work lets go of the GIL."
        ),
    ),
    Code(
        code="ADV204",
        title="starting the pool costs a good part of the gain",
        what="Starting the workers takes at least a fifth of the time they save.",
        why="A pool made anew for each batch pays that every time.",
        cure=("Create the pool once, outside of loops, and keep it. With `spawn`, keep what a worker imports small."),
    ),
    Code(
        code="ADV205",
        title="workers times the native library's own threads",
        what="A native library (OpenBLAS, MKL, OpenMP) runs several threads of its own in each worker.",
        why="Workers x threads exceeds the cores: they displace each other, often slower than serial.",
        cure=(
            "Give each worker one native thread: `threadpoolctl.threadpool_limits(1)` in the worker, or "
            "OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1 in the environment; or stay serial and leave the "
            "cores to the library."
        ),
    ),
    Code(
        code="ADV206",
        title="tasks too small",
        what="A task takes less than a millisecond, about what handing it to another worker costs.",
        why="Workers then wait for work more than they do it.",
        cure=(
            "Hand out many tasks at once (`chunksize` of `Executor.map` and `Pool.map`), or let one task loop "
            "over a range."
        ),
    ),
    Code(
        code="ADV301",
        title="each call needs the one before",
        what=(
            "A call's arguments hold what an earlier call returned, or its object is advanced from its own last state."
        ),
        why="Such calls cannot run side by side: the second has nothing to work on until the first has ended.",
        cure=(
            "Look for independence further out (several starting points, files, parameters) or further in, or "
            "change the algorithm. Summing or collecting results is no such dependence."
        ),
    ),
    Code(
        code="ADV302",
        title="calls change what they share",
        what="Recorded calls changed an argument, an attribute or a global that other calls can see.",
        why=(
            "In threads updates may be lost or seen half done; in processes each worker changes a copy, and the"
            " caller's stays."
        ),
        cure=(
            "Return the new value and combine it in the caller, give each worker its own object, or guard it "
            "with a lock."
        ),
    ),
    Code(
        code="ADV303",
        title="side effects: not replayed",
        what="Calls write, rename or delete files, start programs, change a database or send something.",
        why="Replaying them would do so again. The advice is predicted from where the time went, not measured.",
        cure=(
            "Where repeating them is harmless (a test folder, a scratch database), run again with `--replay-effects`."
        ),
    ),
    Code(
        code="ADV304",
        title="other results under concurrency",
        what="Results differ from the recorded ones on several workers, while serial replay gives the same.",
        why="The calls are not independent; the speed of a wrong result is worth nothing.",
        cure=(
            "Find what they share: module globals, class attributes, files, connections, a library that is not "
            "thread-safe."
        ),
    ),
    Code(
        code="ADV305",
        title="no end under concurrency",
        what="A mix did not finish in several times serial's time and was stopped.",
        why=(
            "Usually a deadlock: locks taken in different order, a pool that waits for itself, or a fork while "
            "a native library's threads hold a lock."
        ),
        cure=(
            "Use `spawn` or `forkserver` instead of `fork`, do not submit to a pool from inside its own tasks, "
            "take locks in one order."
        ),
    ),
    Code(
        code="ADV306",
        title="a global random generator",
        what="Calls draw from a random generator that all of them share.",
        why=(
            "The order of draws changes with the workers, so a seed no longer gives the same figures; forked "
            "workers may draw the same ones."
        ),
        cure="Give each task a generator of its own, seeded from the task (`numpy.random.SeedSequence.spawn`).",
    ),
    Code(
        code="ADV307",
        title="calls that cannot be pickled",
        what="An argument or the function itself cannot be sent to another process.",
        why="Process pools cannot run such calls, so only threads were tried.",
        cure=(
            "Move nested functions and lambdas to module level; open files, connections and locks inside the worker."
        ),
    ),
    Code(
        code="ADV401",
        title="replay is not representative",
        what="A replayed call takes less than half or more than twice its time in the script.",
        why=(
            "Something differs: a cache that is warm, a server that is gone, a state the script had then. "
            "Trials do not stand for the job."
        ),
        cure="Look for caches inside the call; the advice falls back on the prediction from run 1.",
    ),
    Code(
        code="ADV403",
        title="py-spy not permitted",
        what="The system does not let one process watch another, so clocks inside the script stood in.",
        why="They disturb the script more and cannot tell all kinds of waiting apart.",
        cure=(
            "In a container add `--cap-add SYS_PTRACE`; on Linux `sysctl kernel.yama.ptrace_scope=0`; on macOS "
            "run as root. `advise doctor` says which."
        ),
    ),
    Code(
        code="ADV404",
        title="too short to advise",
        what="The script ends before enough samples of it could be taken.",
        why="A gain could neither be measured nor noticed.",
        cure="Run it on a larger input.",
    ),
)
