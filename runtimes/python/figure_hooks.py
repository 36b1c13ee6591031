"""Has the libraries that show figures show them here, once a program loads them.

Known from outside: ``patches``, functions by the module that they change.
"""

import sys
from importlib.machinery import PathFinder


class Patching:
    """A loader that changes the module that it has loaded; all else is of the loader that it stands for."""

    def __init__(self, loader, patch):
        self._loader = loader
        self._patch = patch

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._patch(module)


class Finder:
    """Finds the modules that are to be changed, and no others."""

    def find_spec(self, fullname, path=None, target=None):
        patch = patches.get(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if patch else None
        if spec and spec.loader:
            spec.loader = Patching(spec.loader, patch)
        return spec


sys.meta_path.insert(0, Finder())
