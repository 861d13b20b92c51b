"""An advice file read back, so that it can be shown again without measuring: the inverse of `json.render`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from advisor.errors import ReportError
from advisor.model.advice import Advice
from advisor.report import json, profile

Json = dict[str, Any]
WHAT = "this advice file is damaged"
CURE = "write it anew with `advise --json FILE SCRIPT`"


def read(text: str) -> Advice:
    """The advice of a file of schema `advice/1`, of this or an earlier version.

    Reports of it are those of the advice that was written, byte for byte. Raises ReportError where the text is no such
    file, or lacks or distorts what one needs; fields that are not known are passed over.
    """
    found = json.parse(text)
    with damage_named(WHAT, CURE):
        _restore(found)
        advice = msgspec.convert(_advice(found), Advice)
        json.utc(advice.created)
        return advice


@contextmanager
def damage_named(what: str, cure: str) -> Iterator[None]:
    """Raise ReportError with what is wrong in place of whatever a document of another build makes fail."""
    try:
        yield
    except KeyError as error:
        raise ReportError(what, why=f"it has no {error}", cure=cure) from error
    except msgspec.ValidationError as error:
        raise ReportError(what, why=str(error), cure=cure) from error
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ReportError(what, why=f"its parts are not nested as the schema has them: {error}", cure=cure) from error


def _restore(found: Json) -> None:
    """Put figures that JSON has no word for (NaN, infinity) back into their places."""
    for figure in found.get("not_finite", ()):
        *way, last = figure["at"]
        holder: Any = found
        for step in way:
            holder = holder[step]
        holder[last] = float(figure["value"])


def _advice(found: Json) -> Json:
    """The document nested as `Advice` is. Keys that are no fields do no harm: they are passed over."""
    script, best = found["script"], found["recommendation"]
    named = {"script": script["path"]} if script["module"] is None else {}
    return found | {
        "target": script | named | {"python": script["interpreter"], "python_why": script["interpreter_why"]},
        "exit": script | {"code": script["exit_code"]},
        "sites": [_entry(each) for each in found["sites"]],
        "best": found.get("best", best["site"] if best is not None else None),
        "profile": profile.fields(found["profile"]) if "profile" in found else {},
    }


def _entry(found: Json) -> Json:
    """A site with what belongs to it; both are in one object of the file, as are a mix and what is said of it."""
    bound = {name: found[name] for name in ("bound", "detail", "evidence")}
    return found | {
        "site": found | {"bound": bound, "recorded": found["recorded"] if "recorded" in found else _recorded(found)},
        "trials": [_with_mix(each) for each in found["trials"]],
        "recommendation": _with_mix(found["recommendation"]),
        "after_change": _with_mix(found.get("after_change")),
        "predictions": [_with_mix(each) for each in found.get("predictions", ())],
    }


def _recorded(found: Json) -> Json | None:
    """What earlier versions tell of run 2, None where it did not see the site."""
    if found["column"] is None:
        return None
    return found | {"end_line": found["line"], "calls": found["calls"] or 0}


def _with_mix(found: Json | None) -> Json | None:
    return found | {"mix": found} if found is not None else None
