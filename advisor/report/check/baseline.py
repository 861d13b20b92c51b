"""The file of a stored baseline, schema `advice-baseline/1`: fields are added freely, never renamed or dropped."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from typing import Any, NoReturn, TypeVar

from advisor.errors import ConfigError
from advisor.model.advice import Interval
from advisor.model.baseline import BASELINE_SCHEMA, Baseline, StoredScript
from advisor.model.check import Run
from advisor.model.fingerprint import Fingerprint

Json = dict[str, Any]
T = TypeVar("T", Run, Interval, Fingerprint)
CURE = "write it anew with `advise check --save FILE` at the revision to compare with"
LEAST = {"wall_s": 0.0, "cpu_s": 0.0, "peak_rss_bytes": 0, "voluntary_switches": 0, "involuntary_switches": 0}


def render(baseline: Baseline) -> str:
    """The baseline as one JSON object, ASCII only. Raises ValueError for a figure that is NaN or infinite."""
    return json.dumps({"schema": BASELINE_SCHEMA} | asdict(baseline), indent=2, allow_nan=False) + "\n"


def parse(text: str, source: str) -> Baseline:
    """The baseline in the text of the file `source`.

    Raises ConfigError where it is not JSON (cut off, say), of another schema, or holds what no run can have.
    """
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _refused(source, f"not whole JSON: {error}") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != BASELINE_SCHEMA:
        raise _refused(source, f"its schema is {json.dumps(schema)[:60]}, not {json.dumps(BASELINE_SCHEMA)}")
    try:
        return _baseline(found)
    except ValueError as error:
        raise _refused(source, str(error)) from error


def _refused(source: str, why: str) -> ConfigError:
    return ConfigError("this is not a baseline that can be compared with", source=source, why=why, cure=CURE)


def _baseline(found: Json) -> Baseline:
    scripts = _list(found, "scripts", "$")
    return Baseline(
        advisor_version=_text(found, "advisor_version", "$"),
        created=_text(found, "created", "$"),
        commit=_text(found, "commit", "$"),
        fingerprint=_fingerprint(_object(found.get("fingerprint"), "$.fingerprint")),
        scripts=tuple(_script(each, f"$.scripts[{at}]") for at, each in enumerate(scripts)),
    )


def _script(value: object, at: str) -> StoredScript:
    found = _object(value, at)
    ratio = found.get("aa_ratio")
    return StoredScript(
        name=_text(found, "name", at),
        program=_text(found, "program", at),
        argv=_texts(_list(found, "argv", at), f"{at}.argv"),
        runs=tuple(_run(each, f"{at}.runs[{index}]") for index, each in enumerate(_list(found, "runs", at))),
        aa_ratio=_flat(Interval, _object(ratio, f"{at}.aa_ratio"), f"{at}.aa_ratio") if ratio is not None else None,
    )


def _run(value: object, at: str) -> Run:
    run = _flat(Run, _object(value, at), at)
    for name, least in LEAST.items():
        if getattr(run, name) < least:
            raise ValueError(f"{at}.{name} is below {least:g}")
    if not run.wall_s:
        raise ValueError(f"{at}.wall_s is 0: no run takes no time")
    return run


def _fingerprint(found: Json) -> Fingerprint:
    at = "$.fingerprint"
    packages = [_texts(each, f"{at}.packages") for each in _list(found, "packages", at)]
    if any(len(each) != 2 for each in packages):  # noqa: PLR2004  # name and version
        raise ValueError(f"{at}.packages is to hold pairs of name and version")
    return _flat(Fingerprint, found, at, packages=tuple((name, version) for name, version in packages))


def _flat(kind: type[T], found: Json, at: str, **rest: Any) -> T:  # noqa: ANN401  # fields of `kind`
    """A value type whose fields are numbers, texts and flags, each of its type; `rest` are the other fields."""
    names = {each.name: str(each.type) for each in fields(kind) if each.name not in rest}
    return kind(**{name: _scalar(found.get(name), of, f"{at}.{name}") for name, of in names.items()}, **rest)


def _scalar(value: object, kind: str, at: str) -> Any:  # noqa: ANN401  # of the type named
    """`value` where it is of the type named `kind`; an integer is a float too, a flag is never a number."""
    if kind == "float" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(value, at)
    if type(value).__name__ != kind:
        raise ValueError(f"{at} is to be of type {kind}")
    return value


def _finite(value: float, at: str) -> float:
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ValueError(f"{at} is too large")
    return found


def _object(value: object, at: str) -> Json:
    if not isinstance(value, dict):
        raise ValueError(f"{at} is to be an object")  # noqa: TRY004  # one kind of error for every misfit
    return value


def _list(found: Json, key: str, at: str) -> list[object]:
    value = found.get(key)
    if not isinstance(value, list):
        raise ValueError(f"{at}.{key} is to be a list")  # noqa: TRY004  # as above
    return value


def _text(found: Json, key: str, at: str) -> str:
    return str(_scalar(found.get(key), "str", f"{at}.{key}"))


def _texts(value: object, at: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{at} is to hold texts")
    return tuple(value)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
