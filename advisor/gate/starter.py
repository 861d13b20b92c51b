"""What `advise check --init` writes: a commented `[tool.advise.check]` at the end of `pyproject.toml`. Pure."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from advisor.errors import ConfigError
from advisor.gate import config

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTION = """\
# What `advise check` runs and when it fails; a key after a # has its default. Unknown keys are errors.
[tool.advise.check]
# against = "origin/main"   # base revision; without it, the merge base with the default branch
# budget = 60               # seconds of pairs a script
# threshold = "3%"          # smallest change of seconds that counts
# false-alarms = "1%"       # most false alarms wanted
# warn-only = false         # true: report, never fail
# share = []                # untracked files and folders that the base needs too, such as ["data/"]
# shape = true              # look beyond seconds too: some observed runs more, and advice where they are parallel
# timeout = 120             # seconds after which a run is stopped; without it, 20 times the first, at least 60

# Each rule: a threshold, { threshold = "20%", level = "warning" }, or false to turn it off.
[tool.advise.check.rules]
# time = { threshold = "3%", level = "error" }  # seconds; without it, `threshold` above
# memory = "20%"            # peak memory
# switches = "100%"         # context switches a run; from here down a warning
# bound = "20%"             # points of wall time moved between computing and waiting
# gil = "20%"               # points of thread time that waits for the GIL
# pickled = "20%"           # bytes pickled a task
# scaling = "20%"           # loss of speed-up at the mix configured
# pool = 2.0                # times away from the advised size
"""
EXAMPLE = """
# [[tool.advise.check.scripts]]
# path = "jobs/report.py"   # or module = "tools.index"
# args = ["--small"]
# name = "small report"     # without it, path and args
# stdin = "fixtures/in.txt" # without it, nothing
# mix = "4 threads"         # or "2 processes x 4 threads": looked at by `scaling`; without it, the mix of today
# threshold = "5%"          # as above, for this script alone; so are budget, warn-only, timeout and rules
"""


def init(text: str | None, scripts: Sequence[str], source: str = "pyproject.toml") -> str:
    """The text of `source` (None: there is none yet) with a section for these scripts after it, else byte for byte.

    A script is a path, or `-m MODULE`. Raises ConfigError where there is a [tool.advise] already, where `text` is not
    TOML or cannot take a table more, and for scripts that could not be configured.
    """
    before = text or ""
    if "advise" in _tool(before, source):
        what, cure = "there is a [tool.advise] already", "change it there; `advise check` reads it as it is"
        raise ConfigError(what, source=source, key="tool.advise", cure=cure)
    newline = "\r\n" if "\r\n" in before else "\n"
    gap = "" if not before else newline if before.endswith("\n") else newline * 2
    section = SECTION + "".join(map(_entry, scripts)) + EXAMPLE
    made = before + gap + section.replace("\n", newline)
    _tool(made, source)
    config.parse(made, source)
    return made


def _tool(text: str, source: str) -> dict[str, object]:
    """The [tool] of a TOML text."""
    try:
        tool = tomllib.loads(text).get("tool", {})
    except (ValueError, RecursionError) as error:
        cure = "mend it, or write [tool] as a table of its own, not as `tool = {...}`"
        raise ConfigError("no section can be added", source=source, why=str(error), cure=cure) from error
    return tool if isinstance(tool, dict) else {}


def _entry(script: str) -> str:
    key, value = ("module", script.removeprefix("-m ").strip()) if script.startswith("-m ") else ("path", script)
    return f"\n[[{config.PATH}.scripts]]\n{key} = {_quoted(value)}\n"


def _quoted(value: str) -> str:
    """A TOML basic string: JSON's, but for the one control character that JSON leaves as it is (toml.io, "String")."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
