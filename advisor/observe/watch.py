"""Run 1 watched from outside: three py-spy recorders and the kernel's figures, joined into an `Observation`."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from advisor.errors import ObserveError
from advisor.model.observation import Observation, ProcessTotals
from advisor.model.target import ScriptExit
from advisor.observe.clocks import timeline_zero
from advisor.observe.frames import StackCleaner
from advisor.observe.inprocess import read_sampler
from advisor.observe.join import Watched, join
from advisor.observe.kernel import KernelReader, KernelRecord
from advisor.observe.memory import MemoryReader
from advisor.observe.owncode import AGENT_FOLDER
from advisor.observe.pyspy import Profile, Timeline, profile, timeline
from advisor.observe.recorders import RATE_HZ, Recorder, find_pyspy, record_command
from advisor.observe.rights import NO_PYSPY_CURE, ptrace_cure
from advisor.observe.signals import held_back

_NS_PER_S = 1e9
_BYTES_PER_KIB = 1024
_LINE = "timeline"
_PLAIN = "plain"
_GIL = "gil"
_FAMILY_LINE = "family-timeline"
_FAMILY_GIL = "family-gil"

# The time line is recorded as chrometrace, not as speedscope: speedscope's samples carry no time of their own, so gaps
# (late samples, processes that came later) would shift all that follows; chrometrace's events are stamped in us.
_OPTIONS = {
    _LINE: ("--idle", "--format", "chrometrace"),
    _PLAIN: ("--format", "speedscope"),
    _GIL: ("--gil", "--format", "speedscope"),
    _FAMILY_LINE: ("--subprocesses", "--idle", "--format", "chrometrace"),
    _FAMILY_GIL: ("--subprocesses", "--gil", "--format", "speedscope"),
}
# Child processes are looked at by recorders of their own, and less often: twelve workers watched at the full rate made
# a script that filled two cores 1.8 times slower (measured). Who holds the GIL costs least to see (0.15 ms of CPU a
# look and process, against 0.25 ms for the stacks of all threads) and needs most looks: with it at 25 Hz twelve workers
# were no slower than at 5 Hz (medians of four runs in turn: 1.77 s unwatched, 1.95 s at 5 Hz and 1.96 s at 25 Hz).
_FAMILY_HZ = {_FAMILY_LINE: 5, _FAMILY_GIL: 25}


class Watch:
    """Watches the process `pid`, which waits at the gate of `advisor.agent.bootstrap`, and all it starts.

    `folder` takes the recorders' files until they are read. `own` tells of an absolute file name whether it is the
    user's own code, `cwd` is the script's working folder (default: ours).
    `gil` is False on a free-threaded build, where py-spy cannot tell who holds it. Use in this order: `attach`,
    `opened`, `finish`; or `abandon` at any point. After `attach`, `permitted` says whether py-spy may look at the
    process; where it may not, `reason` says why in py-spy's words, `cure` what to do about it, and
    `finish` needs the file of `agent.sampler`.
    """

    def __init__(  # noqa: PLR0913  # what differs between machines, and what tests put in its place, by name
        self,
        pid: int,
        folder: Path,
        *,
        own: Callable[[str], bool],
        cwd: str | None = None,
        gil: bool = True,
        rate_hz: int = RATE_HZ,
        pyspy: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pid = pid
        self._folder = folder
        self._clean = StackCleaner(agent_folder=AGENT_FOLDER, cwd=cwd or os.getcwd(), own=own, root_pid=pid)
        self._gil = gil
        self._rate_hz = rate_hz
        self._pyspy = pyspy or find_pyspy()
        self._now = now
        self._kernel = KernelReader(pid, now=now)
        self._memory = MemoryReader(self._kernel.folders, now=now)
        self._recorders: dict[str, Recorder] = {}
        self._opened_s: float | None = None
        self.permitted = True
        self.reason = ""
        self.cure = ""

    def attach(self) -> None:
        """Start to read the kernel's figures and the recorders; return when all of these are sampling.

        Without the time line there is nothing to join, so all recorders are dropped; without one of the others the
        shares it gives are unknown, and the run is watched all the same.
        """
        try:
            self._start_recorders()
        except OSError as error:
            self._refuse(str(error), NO_PYSPY_CURE)
        self._kernel.start()
        self._memory.start()

    def opened(self) -> None:
        """The gate opens at this moment: the script's time starts."""
        self._opened_s = self._now()
        self._kernel.opened()

    def finish(
        self,
        ended: ScriptExit,
        wall_s: float,
        *,
        rusage: resource.struct_rusage | None = None,
        stdout_bytes: int = 0,
        sampled: Path | None = None,
    ) -> Observation:
        """What was seen of the run, which has ended as `ended` says, after `wall_s`.

        `rusage` is what `os.wait4` gave for the script's process; it is exact and covers the children it waited for.
        `sampled` is the file `agent.sampler` wrote, where `permitted` is False. Every recorder has ended, and its
        files are gone, when this returns or raises.
        """
        if self._opened_s is None:
            raise ObserveError("the run was not watched from its start", why="the gate was never opened")
        try:
            peak_bytes = self._memory.stop()
            record = self._kernel.stop()
            self._drop_family_recorders(record)
            for recorder in self._recorders.values():
                recorder.await_end()
            if self.permitted:
                watched, samples, errors = self._watched(record, self._opened_s, wall_s)
            else:
                watched, samples, errors = self._watched_inside(record, self._opened_s, wall_s, sampled)
            joined = join(watched, gil_default=1.0 if self._gil else 0.0)
        finally:
            self.abandon()
        return Observation(
            source="py-spy" if self.permitted else "sampler",
            source_note=self.reason,
            source_cure=self.cure,
            wall_s=wall_s,
            exit=ended,
            totals=_totals(record, peak_bytes, rusage),
            stacks=joined.stacks,
            gil_share=joined.gil_share,
            ticks=joined.ticks,
            forks=record.forks,
            samples=samples,
            sample_errors=errors,
            stdout_bytes=stdout_bytes,
        )

    def abandon(self) -> None:
        """End every recorder and reader, and remove their files. May be called at any time, and again."""
        for recorder in self._recorders.values():
            recorder.kill()
            recorder.remove_files()
        self._memory.stop()
        self._kernel.stop()

    def _start_recorders(self) -> None:
        if self._pyspy is None:
            self._refuse("py-spy is not installed", NO_PYSPY_CURE)
            return
        with held_back():
            for name, options in _OPTIONS.items():
                if name not in (_GIL, _FAMILY_GIL) or self._gil:
                    rate_hz = _FAMILY_HZ.get(name, self._rate_hz)
                    command = record_command(self._pyspy, self._pid, rate_hz, options)
                    self._recorders[name] = Recorder(command, self._folder, name)
        failed = [recorder for recorder in self._recorders.values() if not recorder.await_ready(self._now)]
        if any(recorder.name == _LINE for recorder in failed):
            self._refuse(failed[0].complaint(), ptrace_cure())
        elif failed:
            self.reason = f"no {' and '.join(recorder.name for recorder in failed)} profile: {failed[0].complaint()}"

    def _drop_family_recorders(self, record: KernelRecord) -> None:
        """Wait for no recorder of children where there were none: these look seldom, and end as late."""
        if record.processes > 1:
            return
        for name in _FAMILY_HZ:
            recorder = self._recorders.pop(name, None)
            if recorder is not None:
                recorder.kill()
                recorder.remove_files()

    def _refuse(self, reason: str, cure: str) -> None:
        self.permitted = False
        self.reason = reason
        self.cure = cure
        for recorder in self._recorders.values():
            recorder.kill()
            recorder.remove_files()
        self._recorders.clear()

    def _watched(self, record: KernelRecord, opened_s: float, wall_s: float) -> tuple[Watched, int, int]:
        """Gather all that py-spy and the kernel saw, and the recorders' own counts of samples and errors."""
        lines, zero_s = self._lines(_LINE, opened_s)
        family, family_zero_s = self._lines(_FAMILY_LINE, opened_s) if _FAMILY_LINE in self._recorders else ({}, zero_s)
        children = {key: track.shifted(family_zero_s - zero_s) for key, track in family.items() if key[0] != self._pid}
        watched = Watched(
            samples=record.samples, opened_s=opened_s, ended_s=opened_s + wall_s, timeline=lines | children,
            timeline_zero_s=zero_s, period_s=1.0 / self._rate_hz, clean=self._clean,
            plain=self._profile(_PLAIN), gil=self._gil_samples(),
            gil_period_s=self._child_periods(record),
        )  # fmt: skip
        healths = [one.health() for one in self._recorders.values()]
        return watched, sum(samples for samples, _errors in healths), sum(errors for _samples, errors in healths)

    def _watched_inside(
        self, record: KernelRecord, opened_s: float, wall_s: float, file: Path | None
    ) -> tuple[Watched, int, int]:
        """Gather the same from the file of the sampler inside the script, whose clock is ours."""
        if file is None:
            raise ObserveError("the run could not be watched", why=self.reason)
        lines = file.read_text("ascii", "replace").splitlines() if file.exists() else []  # it may have died before
        sampled = read_sampler(lines)
        watched = Watched(
            samples=tuple(sampled.named(record.samples)), opened_s=opened_s, ended_s=opened_s + wall_s,
            timeline=sampled.timeline, timeline_zero_s=0.0, period_s=wall_s / max(1, sampled.samples),
            clean=self._clean, plain=sampled.plain, gil=sampled.gil, gil_base=sampled.told,
        )  # fmt: skip
        return watched, sampled.samples, sampled.errors

    def _lines(self, name: str, opened_s: float) -> tuple[Timeline, float]:
        """The time line of one recorder, and when its clock began on ours."""
        recorder = self._recorders[name]
        lines = timeline(recorder.chunks(), self._pid)
        period_s = 1.0 / _FAMILY_HZ.get(name, self._rate_hz)
        main_thread = lines.get((self._pid, self._pid))
        return lines, timeline_zero(main_thread, opened_s=opened_s, ready_s=recorder.ready_s, period_s=period_s)

    def _gil_samples(self) -> Profile | None:
        """Samples that hold the GIL: of the script's process, and of its children."""
        own, family = self._profile(_GIL), self._profile(_FAMILY_GIL)
        if own is None:
            return None
        return own | {key: counts for key, counts in (family or {}).items() if key[0] != self._pid}

    def _child_periods(self, record: KernelRecord) -> dict[int, float]:
        """The mean time between two looks at who holds the GIL, of every child process."""
        pids = {point.pid for sample in record.samples for point in sample.threads}
        return dict.fromkeys(pids - {self._pid}, 1.0 / _FAMILY_HZ[_FAMILY_GIL])

    def _profile(self, name: str) -> Profile | None:
        recorder = self._recorders.get(name)
        return profile("".join(recorder.chunks()), self._pid) if recorder is not None else None


def _totals(record: KernelRecord, peak_bytes: int, rusage: resource.struct_rusage | None) -> ProcessTotals:
    """The kernel's sums. Of two sources the greater: `rusage` lacks children nobody waited for, the reader the last ms.

    `ru_maxrss` (KiB on Linux, of the largest process) stands in for the peak where the run was over before it was read.
    """
    sums = record.sums
    before = record.before
    cpu_s, voluntary, involuntary = sums["cpu_ns"] / _NS_PER_S, sums["voluntary"], sums["involuntary"]
    if rusage is not None:
        cpu_s = max(cpu_s, rusage.ru_utime + rusage.ru_stime - before["cpu_ns"] / _NS_PER_S)
        voluntary = max(voluntary, rusage.ru_nvcsw - before["voluntary"])
        involuntary = max(involuntary, rusage.ru_nivcsw - before["involuntary"])
        peak_bytes = peak_bytes or rusage.ru_maxrss * _BYTES_PER_KIB
    return ProcessTotals(
        cpu_s=cpu_s, voluntary_switches=voluntary, involuntary_switches=involuntary,
        runqueue_s=max(0, sums["delay_ns"]) / _NS_PER_S, peak_pss_bytes=peak_bytes,
        processes=record.processes, threads=record.threads,
    )  # fmt: skip
