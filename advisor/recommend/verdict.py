"""The answer in one sentence, and which site it speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from advisor.analyse.inline import EVENT_LOOP
from advisor.analyse.safety import PAUSE
from advisor.analyse.scaling import amdahl
from advisor.model.advice import Finding, Interval, Recommendation, SiteAdvice
from advisor.model.site import Site
from advisor.model.target import ScriptExit
from advisor.model.trial import SERIAL, WorkerMix
from advisor.recommend.balance import FAILURES, current_mix

WORTH_SAYING = 1.05
"""A speed-up below this is told as none."""
OPEN_GAIN = 2.0
"""Speed-up granted to a site whose trials settled nothing, to rank it among the others."""


def best_site(sites: Sequence[SiteAdvice]) -> str | None:
    """Id of the site the verdict speaks of.

    The largest gain for the script, then one with trials, then a row of calls before calls that come one at a time,
    then the first of `sites`: the largest share, an outer site before what it encloses. What lies inside calls that
    need each other speaks only by its gain.
    """
    ranked = [entry for entry in sites if entry.recommendation is not None]
    ordered = {entry.site.id for entry in ranked if entry.site.safety.status == "dependent"}

    def rank(entry: SiteAdvice) -> tuple[float, bool, bool, bool]:
        inside = entry.site.nested_in in ordered
        open_answer = entry.recommendation is not None and not entry.recommendation.decided
        gain = 1.0 if inside and open_answer else _script_gain(entry)
        return gain, not inside, bool(entry.trials), _is_row(entry.site)

    top = max(ranked, key=rank, default=None)
    return top.site.id if top is not None else None


def _is_row(site: Site) -> bool:
    """True for calls of a loop or a pool: the ones that could be shared out."""
    return site.recorded is not None and (site.recorded.in_loop or site.recorded.kind == "pool")


def verdict(
    sites: Sequence[SiteAdvice], best: str | None, script_exit: ScriptExit, findings: Sequence[Finding] = ()
) -> str:
    """The sentence for people; `best` is the id of the site to speak of, `findings` those of the whole run."""
    entry = next((entry for entry in sites if entry.site.id == best and entry.recommendation is not None), None)
    if entry is not None and not entry.trials and any(finding.code == "ADV404" for finding in findings):
        entry = None
    imports = next((finding.message for finding in findings if finding.code == "ADV110"), None)
    if entry is None or entry.recommendation is None:
        said = _nothing(findings)
    elif imports and not entry.trials and entry.recommendation.mix == current_mix(entry.site) == SERIAL:
        said = f"Stay serial: {imports}."
    else:
        said = _of_site(entry.site, entry.recommendation)
    said += _setting(entry) if entry is not None else ""
    changed = _after_change(entry.site, entry.after_change) if entry and entry.after_change else ""
    return _after_failure(script_exit) + said + changed


def _setting(entry: SiteAdvice) -> str:
    """The line that keeps native libraries to the threads that were advised."""
    advised = entry.recommendation
    if advised is None or not advised.decided or not advised.mix.native_threads:
        return ""
    setting = next((each.evidence["setting"] for each in entry.findings if each.code == "ADV205"), None)
    return f" Start the script with {setting}." if setting is not None else ""


def name_of(site: Site) -> str:
    """Name a site for people: "`fetch` (scraper.py:12)", or "the loop in `main` (scraper.py:12)" for other code."""
    place = f"({Path(site.file).name}:{site.line})"
    if site.kind in ("inline", "loop"):
        what = {"(loop)": "the loop", EVENT_LOOP: "the event loop"}.get(site.callee, "the code")
        where = f" in `{site.function}`" if site.function != "<module>" else ""
        return f"{what}{where} {place}"
    return f"`{site.callee}` {place}"


def factor(speedup: Interval) -> str:
    """Say a speed-up: "11.4x faster (10.9-11.8)"; an interval that says no more than its value is left out."""
    low, high = _digits(speedup.low), _digits(speedup.high)
    return f"{_digits(speedup.value)}x faster" + (f" ({low}-{high})" if low != high else "")


def _of_site(site: Site, advice: Recommendation) -> str:
    today = current_mix(site)
    if not advice.decided:
        return f"Inconclusive: keep {name_of(site)} {_as_is(today)} for now; {advice.reason}."
    if advice.mix == today:
        return _keep(site, advice, today)
    change = _change(site, advice.mix, today)
    if not advice.measured:
        return (
            f"{change}: predicted {factor(advice.speedup)}, the script {_digits(advice.script_speedup.value)}x, "
            f"not measured{_why_not(site)}; {_it(site)}."
        )
    if advice.speedup.value < WORTH_SAYING:  # advised for its fewer workers
        return f"{change}: as fast ({_digits(advice.speedup.value)}x) with fewer workers; {_it(site)}."
    gain = f"{factor(advice.speedup)}, the script {_digits(advice.script_speedup.value)}x"
    return f"{change}: {gain}; {_it(site)}.{_into_a_function(site, advice.mix)}"


def _into_a_function(site: Site, mix: WorkerMix) -> str:
    """What a turn of a loop would be given and give back, were it a function."""
    loop = site.recorded.outline if site.recorded is not None else None
    if loop is None:
        return ""
    chunked = mix.chunk > 1
    given = f" of {'a list of ' if chunked else ''}{_names(loop.items)}" if loop.items else ""
    back = f" that gives back what goes into {_names(loop.outs)}" if loop.outs else ""
    return f" Make {f'{mix.chunk:,} turns' if chunked else 'a turn'} of it a function{given}{back} first."


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _change(site: Site, mix: WorkerMix, today: WorkerMix) -> str:
    """What to do. Calls that hold up an event loop are handed to workers by the loop."""
    if today != SERIAL:
        return f"Change {name_of(site)} from {today} to {mix}"
    if not _blocks_loop(site):
        return f"Run {name_of(site)} on {mix}"
    if mix.backend == "threads":
        return f"Run {name_of(site)} with asyncio.to_thread, {mix.workers} at a time"
    return f"Run {name_of(site)} with loop.run_in_executor on {mix}"


def _blocks_loop(site: Site) -> bool:
    return site.recorded is not None and site.recorded.loop_calls > 0


def _keep(site: Site, advice: Recommendation, today: WorkerMix) -> str:
    if today != SERIAL:
        return f"Keep {name_of(site)} on {today}: {advice.reason}."
    if site.callee == EVENT_LOOP:
        return f"Stay with {name_of(site)}: {advice.reason}."
    match site.safety.status:
        case "dependent":
            why = f"cannot be shared out, as each {'call' if site.recorded else 'turn'} needs the one before"
        case "unsafe" if PAUSE in site.safety.reasons:
            return f"Stay serial: {name_of(site)} {advice.reason.removeprefix('it ')}."
        case "unsafe":
            why = "is not safe to run side by side"
        case _ if advice.limit == FAILURES:
            why = "cannot be run side by side"
        case _:
            why = "gains nothing from more workers" if advice.measured else "is best left as it is"
    return f"Stay serial: {name_of(site)} {why}: {advice.reason}."


def _after_change(site: Site, advice: Recommendation) -> str:
    """What the calls could gain once changed: measured, but not of the code as it is."""
    gain = f"{factor(advice.speedup)}, the script {_digits(advice.script_speedup.value)}x"
    return f" After the change ({change_of(site, advice.mix, f'`{site.callee}`')}): {advice.mix}, {gain}."


def change_of(site: Site, mix: WorkerMix, it: str) -> str:
    """What must be changed before the calls can run on `mix`; `it` is what they are called there."""
    opened = site.safety.opened if mix.processes > 1 else ()
    told = [f"each process opens a connection of its own in place of {name}" for name in opened]
    if not told or not site.safety.only_opened:
        told.insert(0, f"{it} returns what it now changes, and the caller puts it together")
    return ", and ".join(told)


def _as_is(today: WorkerMix) -> str:
    return "serial" if today == SERIAL else f"on {today}"


def _why_not(site: Site) -> str:
    if site.safety.status == "withheld" and site.safety.reasons:
        return f" (not replayed: {site.safety.reasons[0]})"
    return ""


def _it(site: Site) -> str:
    evidence = re.sub(r" \(\d+ (samples|calls).*", "", site.bound.evidence)
    held_up = "it blocks the event loop: " if _blocks_loop(site) else ""
    return f"{held_up}it {evidence}" if evidence else "what limits it could not be told"


def _nothing(findings: Sequence[Finding]) -> str:
    for code in ("ADV404", "ADV110"):
        for finding in findings:
            if finding.code == code:
                return f"No advice: {finding.message}."
    return "No advice: no call of the script's own code takes a notable part of its time."


def _after_failure(script_exit: ScriptExit) -> str:
    if script_exit.interrupted:
        return "Stopped before its end; from what ran: "
    if script_exit.failed:
        why = f" ({script_exit.error})" if script_exit.error else ""
        return f"The script failed with exit code {script_exit.code}{why}; from what ran: "
    return ""


def _script_gain(entry: SiteAdvice) -> float:
    advice = entry.recommendation
    if advice is None:
        return 0.0
    if not advice.decided and entry.trials:  # what two workers could bring must not hide behind a smaller, sure gain
        return amdahl(entry.site.share, OPEN_GAIN)
    return max(advice.script_speedup.value, 1.0) if advice.decided else 0.0  # as fast on fewer workers is no loss


def _digits(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"
