"""The advice file, schema `advice/1`: the contract with machines. Fields are added freely, never renamed or dropped."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from advisor.errors import ReportError
from advisor.model.advice import SCHEMA, Advice, Finding, Prediction, Recommendation, SiteAdvice
from advisor.report import frames, profile

if TYPE_CHECKING:
    from advisor.model.recording import RecordedSite
    from advisor.model.trial import Trial, WorkerMix

Json = dict[str, Any]
EXACT = 2**53  # below, every whole number is a float of its own


def render(advice: Advice) -> str:
    """The advice as one JSON object, ASCII only, without NaN or infinity (null stands for both).

    The profile stands on a line of its own: it is for machines, and large.
    """
    found = document(advice)
    packed = json.dumps(found.pop("profile"), separators=(",", ":"), allow_nan=False)
    return json.dumps(found, indent=2, allow_nan=False).removesuffix("\n}") + f',\n  "profile": {packed}\n}}\n'


def parse(text: str) -> Json:
    """The object of an advice file.

    Raises ReportError where it is not JSON, not an object, or of another schema.
    """
    return parsed(text, SCHEMA, what="an advice file", command="advise --json FILE SCRIPT")


def parsed(text: str, schema: str, *, what: str, command: str) -> Json:
    """The object of `what`, a file of `schema` that `command` writes. Raises ReportError as `parse` does."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"this is not {what}", why=f"not JSON: {error}") from error
    told = found.get("schema") if isinstance(found, dict) else None
    if told != schema:
        raise ReportError(
            f"this is not {what} of schema {schema}", why=f"its schema is {told!r}",
            cure=f"write it anew with `{command}`",
        )  # fmt: skip
    return dict(found)


def schema_of(text: str) -> object:
    """What a JSON object says its schema is; None where it says nothing, or is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found.get("schema") if isinstance(found, dict) else None


def document(advice: Advice) -> Json:
    """The advice as JSON types, nested as schema "advice/1" has them."""
    found: Json = {
        "schema": SCHEMA,
        "advisor_version": advice.advisor_version,
        "created": utc(advice.created),
        "verdict": advice.verdict,
        "conclusive": advice.conclusive,
        "interrupted": advice.interrupted,
        "script": _script(advice),
        "settings": asdict(advice.settings),
        "machine": asdict(advice.machine),
        "baseline": asdict(advice.baseline),
        "cost": asdict(advice.cost),
        "noise": asdict(advice.noise) if advice.noise is not None else None,
        "sites": [_site(entry) for entry in advice.sites],
        "best": advice.best,
        "recommendation": _best(advice),
        "findings": [_finding(each) for each in advice.findings],
        "functions": [asdict(each) for each in advice.functions],
        "profile": profile.document(advice.profile),
    }
    not_finite = [{"at": list(at), "value": str(figure)} for at, figure in _not_finite(found, ())]
    shown: Json = plain({"not_finite": not_finite} | found)
    return shown


def _script(advice: Advice) -> Json:
    target, ended = advice.target, advice.exit
    return {
        "path": target.shown,
        "module": target.module,
        "argv": list(target.argv),
        "roots": list(target.roots),
        "interpreter": target.python,
        "interpreter_why": target.python_why,
        "exit_code": ended.code,
        "error": ended.error,
        "interrupted": ended.interrupted,
    }


def _site(entry: SiteAdvice) -> Json:
    site = entry.site
    return {
        "id": site.id,
        "file": site.file,
        "line": site.line,
        "column": site.recorded.column if site.recorded is not None else None,
        "function": site.function,
        "callee": site.callee,
        "kind": site.kind,
        "calls": site.calls,
        "wall_s": site.wall_s,
        "share": site.share,
        "nested_in": site.nested_in,
        "child_cpus": site.child_cpus,
        "row": site.row,
        "bound": site.bound.bound,
        "detail": site.bound.detail,
        "evidence": site.bound.evidence,
        "ledger": asdict(site.ledger),
        "lines": [asdict(line) for line in site.lines],
        "safety": asdict(site.safety),
        "effects": [asdict(effect) for effect in site.recorded.effects] if site.recorded is not None else [],
        "recorded": _recorded(site.recorded) if site.recorded is not None else None,
        "current": _current(entry),
        "trials": [_trial(each) for each in entry.trials],
        "recommendation": _recommendation(entry.recommendation),
        "after_change": _recommendation(entry.after_change),
        "predictions": [_prediction(each) for each in entry.predictions],
        "findings": [_finding(each) for each in entry.findings],
        "snippet": entry.snippet,
    }


def _recorded(site: RecordedSite) -> Json:
    """What run 2 knows of a site, less the outline of a loop, which no one but the stage needs."""
    return {name: value for name, value in asdict(replace(site, outline=None)).items() if name != "outline"}


def _trial(trial: Trial) -> Json:
    """A trial with the fields of its mix beside its own."""
    return asdict(trial.mix) | _without_mix(asdict(trial))


def _prediction(told: Prediction) -> Json:
    """A prediction with the fields of its mix beside its own."""
    return asdict(told.mix) | {"predicted": told.predicted, "measured": told.measured, "error": told.error}


def _recommendation(advised: Recommendation | None) -> Json | None:
    """A recommendation with the fields of its mix beside its own; None where nothing could be said."""
    return asdict(advised.mix) | _without_mix(asdict(advised)) if advised is not None else None


def _without_mix(figures: Json) -> Json:
    return {name: figure for name, figure in figures.items() if name != "mix"}


def _best(advice: Advice) -> Json | None:
    best = advice.best_site
    advised = _recommendation(best.recommendation) if best is not None else None
    return {"site": advice.best} | advised if advised is not None else None


def _current(entry: SiteAdvice) -> Json | None:
    """The pool of today, None where the site is serial today."""
    mix: WorkerMix = frames.today_mix(entry)
    return None if mix.backend == "serial" else asdict(mix)


def _finding(finding: Finding) -> Json:
    return asdict(finding)


def utc(created: str) -> str:
    """An ISO 8601 time as UTC to the second with a Z; one without an offset is taken as UTC."""
    moment = datetime.fromisoformat(created)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _not_finite(value: Any, at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], float]]:  # noqa: ANN401  # any JSON value
    """Every figure that JSON cannot hold, with the keys and numbers that lead to it."""
    if isinstance(value, float) and not math.isfinite(value):
        yield at, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, each in items:
        yield from _not_finite(each, (*at, key if isinstance(key, int) and not isinstance(value, dict) else str(key)))


def plain(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """`value` as `finite` leaves it, whole figures as such (60, not 60.0): of an advice read back they are the same.

    Evidence is of no declared type: what it holds is read as it is written, and shown so.
    """
    return _short(finite(value))


def _short(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, dict):
        return {key: each if key == "evidence" else _short(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_short(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value


def finite(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """`value` with tuples as lists and figures JSON cannot hold as None."""
    if isinstance(value, dict):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
