"""What base asks for and the interpreter does not have: runs of it here would be those of another program. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from advisor.model.fingerprint import Fingerprint


def unmet(declared: Mapping[str, str], installed: Fingerprint) -> tuple[str, ...]:
    """What the files of base ask for and `installed` is not, each as a phrase.

    `declared` has the text of each file by its path: pyproject.toml (PEP 621), requirements files and .python-version.
    What cannot be read as one is passed over: pip would refuse it, and it says nothing of what base needs. So is what
    is not installed at all: a script of base that needs it fails and says so, others do not care.
    """
    version = installed.python.rpartition(" ")[2]
    found: dict[str, None] = {}
    for path, text in declared.items():
        name = PurePosixPath(path).name
        for python in _pythons(name, text):
            if not _allows(python, version):
                found[f"another Python: base asks for {python} in {path}, {version} runs it"] = None
        for each in _requirements(name, text):
            has = dict(installed.packages).get(canonicalize_name(each.name))
            if has is not None and _applies(each.marker, version) and not _met(each, has):
                found[f"other dependencies: base asks for {each} in {path}, {has} is installed"] = None
    return tuple(found)


def _pythons(name: str, text: str) -> Iterator[str]:
    """Versions of Python that a file allows, as specifiers."""
    if name == ".python-version":
        wanted = text.split()[:1]
        yield from (f"=={each}.*" for each in wanted if re.fullmatch(r"\d+\.\d+", each))
        yield from (f"=={each}" for each in wanted if re.fullmatch(r"\d+\.\d+\.\d+", each))
    elif name == "pyproject.toml":
        allowed = _project(text).get("requires-python")
        if isinstance(allowed, str):
            yield allowed


def _requirements(name: str, text: str) -> Iterator[Requirement]:
    lines = text.splitlines()
    if name == "pyproject.toml":
        listed = _project(text).get("dependencies", [])
        lines = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    elif not name.endswith(".txt"):
        return
    for line in lines:
        try:
            yield Requirement(re.split(r"(?:^|\s)#|\s--|\\$", line)[0].strip())
        except InvalidRequirement:
            continue  # an option, a path, an address, an empty line


def _project(text: str) -> Mapping[str, object]:
    try:
        project = tomllib.loads(text).get("project", {})
    except tomllib.TOMLDecodeError:
        return {}
    return project if isinstance(project, dict) else {}


def _applies(marker: Marker | None, python: str) -> bool:
    variables = {"python_full_version": python, "python_version": ".".join(python.split(".")[:2])}
    return marker is None or marker.evaluate(variables)


def _met(wanted: Requirement, version: str) -> bool:
    try:
        return wanted.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True  # a version of its own making, which no specifier can judge


def _allows(specifier: str, python: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(python, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True
