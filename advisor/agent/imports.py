"""Do something to a module once it has been imported, if it is: what the script does without costs it nothing."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Callable, Mapping, Sequence

Then = Callable[[types.ModuleType], None]


class AfterImport:
    """A finder that leaves modules as they are, and hands each of some to a function when it is complete."""

    def __init__(self, then: Mapping[str, Then]) -> None:
        """`then` maps the full names of modules to what is to be done with them."""
        self.then = then

    def install(self) -> None:
        """Be asked before the other finders."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec that would be found anyway, with a loader that calls back."""
        if name not in self.then:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path)
        spec.loader.then = self.then[name]
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads the module as it is, then has it seen to."""

    then: Then

    def exec_module(self, module: types.ModuleType) -> None:
        super().exec_module(module)
        try:
            self.then(module)
        except AttributeError:  # another version, without what is looked for: it stays as it is
            return
