"""What is asked of the user's interpreter about its packages, in a short process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from advisor.errors import RevisionError
from advisor.observe.interpreter import away_from_here

# As for the interpreter's own probe: a cold start from a slow network disk, with hundreds of packages to list.
_TIMEOUT_S = 60.0

# Editable finders: setuptools keeps a MAPPING in the finder's module, `editables` (hatch, pdm) `_redirections`.
# A distribution says by direct_url.json that it is editable (PEP 610), an older one by lying in the project itself.
_INVENTORY = """
import json, os, platform, re, sys
from importlib import metadata
from urllib.parse import unquote, urlsplit

def origin_of(found):
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
    except ValueError:
        return None, None
    if "dir_info" not in origin:
        return None, None
    folder = unquote(urlsplit(origin.get("url", "")).path)
    return (folder, None) if origin["dir_info"].get("editable") else (None, folder)

def name_of(found):
    try:
        return found.metadata["Name"]
    except Exception:  # remains of a package that was removed by halves
        return None

packages = []
for found in metadata.distributions():
    name = name_of(found)
    if name:
        tops = (found.read_text("top_level.txt") or name.replace("-", "_").lower()).split()
        editable, copied = origin_of(found)
        place = editable or str(found.locate_file(""))
        packages.append([re.sub("[-_.]+", "-", name).lower(), found.version or "", place, tops, copied])

mapped = {}
for finder in sys.meta_path:
    module = sys.modules.get(getattr(finder, "__module__", None) or "")
    for places in (getattr(module, "MAPPING", None), getattr(finder, "_redirections", None)):
        for name, place in places.items() if isinstance(places, dict) else ():
            if isinstance(name, str) and isinstance(place, str):
                mapped[name] = os.path.dirname(place) if os.path.basename(place) == "__init__.py" else place

print()
print(json.dumps({
    "python": platform.python_implementation() + " " + platform.python_version(),
    "path": sys.path, "prefixes": [sys.prefix, sys.base_prefix], "packages": packages, "mapped": mapped,
}))
"""

_LOCATE = """
import json, os, sys
from importlib.util import find_spec
found = {}
for name in json.loads(sys.argv[1]):
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is not None:  # a finder may give folders that are none (meson-python), a namespace has no file
        places = [spec.origin, *(spec.submodule_search_locations or ())]
        found.update({name: place for place in reversed(places) if place and os.path.exists(place)})
print()
print(json.dumps(found))
"""


@cache
def inventory(python: str) -> Mapping[str, Any]:
    """What `python` has on its path and installed.

    `path` is its sys.path without a script's folder. `packages` are rows of normalised name, version, folder it is
    installed in or editable from, importable names, local folder it is a copy from or null. `mapped` is what editable
    finders import from where. Raises RevisionError.
    """
    return _asked(python, _INVENTORY, (), {})


def located(python: str, names: Sequence[str], variables: Mapping[str, str]) -> Mapping[str, str]:
    """The folder or file from which `python`, with `variables` set, would import each of the top-level `names`."""
    return _asked(python, _LOCATE, (json.dumps(list(names)),), variables)


def _asked(python: str, program: str, arguments: Sequence[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """The answer of `program`, JSON on its last line, run away from the working folder and from any repository."""
    try:
        done = subprocess.run(
            [_absolute(python), "-c", program, *arguments],
            stdin=subprocess.DEVNULL,
            env={**away_from_here(), **variables},
            cwd=Path("/"),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError) as error:
        raise RevisionError(f"{python} does not tell what it has installed", why=str(error)) from error
    return answer


def _absolute(python: str) -> str:
    """The program's path from the root; links stay, for a virtual environment is known by them."""
    found = shutil.which(python) if os.sep not in python else python
    return str(Path(found or python).absolute())
