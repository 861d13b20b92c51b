"""What must be equal for figures of two days to be compared: the machine, the interpreter, its packages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Machine and interpreter.

    `cpu` is the processor's model name, `cpus` how many may be used, `memory_bytes` the memory there is, `system` the
    kernel's name and release. `python` is the interpreter's full version with its implementation, `gil` whether that is
    on. `packages` are (name, version) of the distributions it has installed, sorted, names normalised (PEP 503).
    """

    cpu: str
    cpus: float
    memory_bytes: int
    system: str
    python: str
    gil: bool
    packages: tuple[tuple[str, str], ...] = ()

    def differences(self, other: Fingerprint) -> tuple[str, ...]:
        """What keeps figures of `other` (the earlier one) from being compared with ours, each as a phrase."""
        return (*self.python_differences(other), *self._machine_differences(other))

    def python_differences(self, other: Fingerprint) -> tuple[str, ...]:
        """The same for the interpreter and its packages alone: two arms on one machine."""
        found = []
        if (self.python, self.gil) != (other.python, other.gil):
            found.append(f"another Python: {_python(other)} then, {_python(self)} now")
        ours, theirs = dict(self.packages), dict(other.packages)
        found += [
            f"other dependencies: {name} {theirs.get(name, 'absent')} then, {ours.get(name, 'absent')} now"
            for name in sorted(ours.keys() | theirs.keys())
            if ours.get(name) != theirs.get(name)
        ]
        return tuple(found)

    def _machine_differences(self, other: Fingerprint) -> tuple[str, ...]:
        pairs = (
            ("processor", self.cpu, other.cpu),
            ("number of CPUs", f"{self.cpus:g}", f"{other.cpus:g}"),
            ("memory", f"{self.memory_bytes >> 30} GiB", f"{other.memory_bytes >> 30} GiB"),
            ("kernel", self.system, other.system),
        )
        return tuple(f"another {what}: {then} then, {now} now" for what, now, then in pairs if now != then)


def _python(one: Fingerprint) -> str:
    return one.python if one.gil else f"{one.python} without GIL"
