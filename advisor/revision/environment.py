"""One interpreter, two revisions: what must come first on the base's path, and what both arms run on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import RevisionError
from advisor.model.fingerprint import Fingerprint
from advisor.observe.machine import detect
from advisor.revision.questions import inventory, located

_SOURCE_FOLDERS = ("src", "")
"""Where packages lie in a project, by packaging.python.org "src layout vs flat layout"."""

_CPUINFO = Path("/proc/cpuinfo")
_SYSCTL = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
"""macOS, sysctl(8)."""


def base_path_entries(python: str, repo: Path, base: Path) -> tuple[str, ...]:
    """Folders to put first in PYTHONPATH of the base's runs, so that they import the base's code and not head's.

    A project that is installed in editable mode is on the path of `python` wherever it runs. Each folder of `repo` that
    `python` imports from (PYTHONPATH, .pth files, editable finders) is given as the same folder of `base`, the tree
    laid out, where that is there, in the order of the path.
    Raises RevisionError where the base would import head's code all the same.
    """
    has = inventory(python)
    arms = _Arms(head=repo.resolve(), base=base.resolve(), prefixes=tuple(map(_real, has["prefixes"])))
    names = _editable_names(has, arms)
    entries = (*_of_path(has["path"], arms), *_of_finders(has["mapped"], arms))
    missing = (name for name in names if not _is_in(name, entries))
    moved = (folder for name in missing for folder in _SOURCE_FOLDERS if _is_in(name, (str(arms.base / folder),)))
    found = tuple(dict.fromkeys((*entries, *(str(arms.base / folder) for folder in moved))))
    _verify(python, names, found, arms)
    return found


def translated(search_path: str, repo: Path, base: Path) -> str:
    """The user's PYTHONPATH for the base's runs: absolute entries in `repo` become those of `base`, others stay."""
    arms = _Arms(head=repo.resolve(), base=base.resolve())
    return os.pathsep.join(
        str(arms.in_base(entry) or entry) if Path(entry).is_absolute() else entry
        for entry in search_path.split(os.pathsep)
    )


def fingerprint(python: str, repo: Path | None = None) -> Fingerprint:
    """The machine, and `python` with its packages.

    The project itself, installed in editable mode from `repo`, is left out: its version is a part of what is compared.
    Raises InterpreterError, RevisionError.
    """
    machine, has = detect(python), inventory(python)
    head = (repo or Path(os.devnull)).resolve()  # nothing lies below the latter
    arms = _Arms(head=head, base=head, prefixes=tuple(map(_real, has["prefixes"])))
    packages: dict[str, str] = {}
    for name, version, place, _, _ in has["packages"]:
        if arms.in_base(place) is None:
            packages.setdefault(name, version)  # the first on the path is the one that is imported
    return Fingerprint(
        cpu=processor_name(),
        cpus=machine.usable_cpus,
        memory_bytes=machine.memory_bytes,
        system=f"{platform.system()} {platform.release()}",
        python=has["python"],
        gil=machine.gil,
        packages=tuple(sorted(packages.items())),
    )


def installed_copies(python: str, repo: Path) -> tuple[str, ...]:
    """Names of distributions that `python` has copies of, installed from `repo` without --editable.

    Runs of either arm that import such a copy measure neither revision.
    """
    head = repo.resolve()
    rows = inventory(python)["packages"]
    return tuple(name for name, _, _, _, source in rows if source and _real(source).is_relative_to(head))


def processor_name(cpuinfo: Path = _CPUINFO) -> str:
    """The processor's model as its maker calls it; where the kernel does not tell, its architecture."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _told_by_sysctl() or platform.processor() or platform.machine()
    return _model_name(text) or platform.machine()


def _model_name(cpuinfo: str) -> str:
    """From the text of /proc/cpuinfo: x86 gives a name, ARM numbers of maker, part and revision."""
    fields = dict(re.findall(r"^([^:\n]*?)\s*:[ \t]*(.*)$", cpuinfo, re.MULTILINE))
    numbers = [fields[name] for name in ("CPU implementer", "CPU part", "CPU revision") if name in fields]
    return fields.get("model name") or fields.get("Model") or " ".join([platform.machine(), *numbers])


def _told_by_sysctl() -> str:
    try:
        done = subprocess.run(_SYSCTL, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arms:
    """Both trees, links resolved; what the interpreter's `prefixes` hold inside of head is no code of the project."""

    head: Path
    base: Path
    prefixes: tuple[Path, ...] = ()

    def in_base(self, place: str) -> Path | None:
        """The counterpart of a path in head, None for one elsewhere."""
        real = _real(place)
        if not real.is_relative_to(self.head) or any(real.is_relative_to(prefix) for prefix in self._environments):
            return None
        return self.base / real.relative_to(self.head)

    @property
    def _environments(self) -> Iterator[Path]:
        return (prefix for prefix in self.prefixes if prefix.is_relative_to(self.head))


def _real(place: str) -> Path:
    return Path(os.path.realpath(place))


def _of_path(search_path: list[str], arms: _Arms) -> tuple[str, ...]:
    places = (arms.in_base(entry) for entry in search_path if entry)
    return tuple(str(place) for place in places if place is not None and place.exists())


def _of_finders(mapped: Mapping[str, str], arms: _Arms) -> tuple[str, ...]:
    """Folders from which the packages that a finder maps can be imported by name.

    One whose folder is named otherwise cannot; `_verify` sees it.
    """
    found = []
    for name, place in mapped.items():
        there = arms.in_base(place)
        parts = tuple(name.split("."))
        if there is None or there.with_suffix("").parts[-len(parts) :] != parts:
            continue
        if there.exists() or there.with_suffix(".py").is_file():  # a module is mapped without its suffix
            found.append(str(there.parents[len(parts) - 1]))
    return tuple(found)


def _editable_names(has: Mapping[str, Any], arms: _Arms) -> tuple[str, ...]:
    """Top-level names that `python` imports from head as parts of a project installed in editable mode."""
    mapped = [name.partition(".")[0] for name, place in has["mapped"].items() if arms.in_base(place)]
    listed = [top for _, _, place, tops, _ in has["packages"] if arms.in_base(place) for top in tops]
    return tuple(dict.fromkeys(mapped + listed))


def _is_in(name: str, folders: tuple[str, ...]) -> bool:
    return any((Path(folder) / name).is_dir() or (Path(folder) / f"{name}.py").is_file() for folder in folders)


def _verify(python: str, names: tuple[str, ...], entries: tuple[str, ...], arms: _Arms) -> None:
    """Ask `python` from where the base would import what is installed from head.

    A name that is new in head may come from there: the base knows nothing of it.
    """
    if not names:
        return
    path = os.pathsep.join((*entries, os.environ.get("PYTHONPATH", ""))).rstrip(os.pathsep)
    for name, place in located(python, names, {"PYTHONPATH": path}).items():
        there = arms.in_base(place)
        if there is not None and (there.exists() or _is_in(name, (*entries, str(arms.base)))):
            raise RevisionError(
                f"the base would import head's {name}",
                why=f"it is installed in editable mode in a way that PYTHONPATH cannot redirect, from {place}",
                cure="uninstall it there, and put the folder of its code on PYTHONPATH, or name another --python",
            )
