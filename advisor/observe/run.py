"""Run 1: start the script, watch it, and say what was seen."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from advisor.errors import ObserveError
from advisor.model.observation import Observation
from advisor.model.target import Target
from advisor.observe.inprocess import sampler_calls
from advisor.observe.interpreter import probe
from advisor.observe.launch import Launched, gate_config, launch
from advisor.observe.leftovers import end_leftovers
from advisor.observe.owncode import OwnCode
from advisor.observe.signals import orderly_end
from advisor.observe.stdin import Stdin
from advisor.observe.watch import Watch

Progress = Callable[[float], None]

_PROGRESS_EVERY_S = 0.2

_SAMPLES = "samples.jsonl"

# A run that long has a stack: it is sampled at 100 Hz, ten times slower in a crowd of threads.
_SEEN_S = 0.5


def observe(
    target: Target,
    stdin: Stdin,
    *,
    watch_factory: Callable[..., Watch] = Watch,
    progress: Progress | None = None,
    timeout_s: float | None = None,
) -> Observation:
    """Run `target` once, undisturbed, and return what was seen of it.

    Its output goes to ours and its input comes from `stdin`. `progress` is called with the seconds since the script's
    start, a few times a second, from another thread. After `timeout_s` it is killed (None: never). Whatever happens,
    the recorders, the script and the temporary folder are gone afterwards. Raises ObserveError where the script cannot
    be started or seen; an unsuccessful script is no error (`Observation.exit`). What a script leaves running lives on,
    but for one whose environment has a mark of ours.
    """
    interpreter = probe(target.python)
    own = OwnCode(target.roots, interpreter.library_folders)
    with orderly_end(), tempfile.TemporaryDirectory(prefix="advise-") as name, stdin.supply() as descriptor:
        folder = Path(name)
        launched = launch(target, descriptor)
        try:
            watch = watch_factory(launched.pid, folder, own=own.is_own, cwd=target.place.cwd, gil=interpreter.gil)
            try:
                watch.attach()
                with _limited(launched, timeout_s):
                    return _watched_run(target, launched, watch, folder / _SAMPLES, progress)
            finally:
                watch.abandon()
        finally:
            launched.kill()
            end_leftovers(dict(target.place.environment or ()))


def _watched_run(
    target: Target, launched: Launched, watch: Watch, samples: Path, progress: Progress | None
) -> Observation:
    """Open the gate and see the script through. Without the right to look inside, it looks at itself."""
    config = gate_config(target)
    if not watch.permitted:
        config["sampler"] = {"file": str(samples), "calls": sampler_calls()}
    watch.opened()
    launched.open_gate(config)
    with _ticking(progress):
        ended, wall_s, usage = launched.wait()
    end_leftovers(dict(target.place.environment or ()))  # else recorders wait for their end
    observation = watch.finish(ended, wall_s, rusage=usage, sampled=None if watch.permitted else samples)
    if not observation.stacks and wall_s > _SEEN_S:
        raise ObserveError(
            "the script ran, but nothing was seen of it",
            why=f"what the recorders wrote into {samples.parent.parent} is missing: it may be full",
            cure="free some space, or set TMPDIR to a folder that has some",
        )
    return observation


@contextmanager
def _limited(launched: Launched, timeout_s: float | None) -> Iterator[None]:
    """Stop the script once the block has taken `timeout_s`."""
    if timeout_s is None:
        yield
        return
    timer = threading.Timer(timeout_s, launched.stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@contextmanager
def _ticking(progress: Progress | None) -> Iterator[None]:
    """Call `progress` with the elapsed seconds from time to time while the block runs."""
    if progress is None:
        yield
        return
    over = threading.Event()
    start_s = time.monotonic()

    def tick() -> None:
        while not over.wait(_PROGRESS_EVERY_S):
            progress(time.monotonic() - start_s)

    thread = threading.Thread(target=tick, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
