"""Modules that are loaded before the user's code and stay out of its sight until it imports them.

Loading pandas takes half a second, so the runner does it before the executor is ready. But a program
must find the interpreter as if it had just started: ``sys.modules`` holds the start-up modules only,
and importing ``json`` brings ``json`` and what it needs, not pandas. So preloaded modules are taken
out of ``sys.modules`` and kept in a store together with what each one imported; an import of a stored
module puts it and all that it needs back, as executing it would have done.
"""

import builtins
import marshal
import sys

# The frozen import system is there from the first instruction on; its public face,
# importlib.machinery, is not, and would have to be hidden in turn.
from _frozen_importlib import BuiltinImporter, ModuleSpec
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location


class _StoredModuleLoader:
    """The loader of a module that has been executed already (importlib's loader protocol). Whoever only looks for
    the module, as ``importlib.util.find_spec()`` does, leaves it where it is."""

    def __init__(self, name, module, reveal):
        self._name = name
        self._module = module
        self._reveal = reveal
        self._spec = getattr(module, "__spec__", None)
        self._loader = getattr(module, "__loader__", None)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._loader, name)

    def spec(self):
        """As the module's own, with this loader."""
        origin = getattr(self._spec, "origin", None)
        spec = ModuleSpec(self._name, self, origin=origin, is_package=hasattr(self._module, "__path__"))
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.extend(self._module.__path__)
        spec.has_location = getattr(self._spec, "has_location", False)
        return spec

    def create_module(self, spec):
        self._reveal(self._name)
        return self._module

    def exec_module(self, module):
        # importlib has just written this stand-in's spec into the module: put back the true one.
        module.__spec__ = self._spec
        module.__loader__ = self._loader


def _is_initializing(name):
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return getattr(spec, "_initializing", False) is True


def _importer(globals):
    """The module whose execution imports something. That is not always the one that says so: a function of another
    module may do it for the one that calls it, and what a compiled module imports seems to come from importlib."""
    name = globals.get("__name__") if globals else None
    if _is_initializing(name):
        return name
    return next(filter(_is_initializing, reversed(sys.modules)), None)


class BundledModules:
    """A finder of modules whose code lies in one file (see bundle.py). They look as if they had been
    found one by one: of the source's own loader, with the source's own path."""

    def __init__(self, path, shared_constants):
        self._file = open(path, "rb")
        self._file.seek(-16, 2)
        end = self._file.tell()
        self._shared_length, start = (int.from_bytes(self._file.read(8), "little") for _ in range(2))
        self._index, self._made_docs = marshal.loads(self._read(start, end - start))
        self._loaders = []
        self._shared_constants = shared_constants
        self._reader = None

    def _read(self, offset, length):
        self._file.seek(offset)
        return self._file.read(length)

    def _code(self, offset, length, places):
        code = marshal.loads(self._read(offset, length))
        if places:
            if self._reader is None:
                self._reader = self._shared_constants.Reader(self._file, self._shared_length)
            self._reader.put(code, self._read(offset + length, places))
        return code

    def _execute(self, loader, module):
        SourceFileLoader.exec_module(loader, module)
        if self._reader and self._made_docs:
            self._reader.replace_made_docs(module, self._made_docs)

    def find_spec(self, fullname, path=None, target=None):
        entry = self._index.get(fullname)
        if entry is None:
            return None
        origin, is_package, *place = entry
        loader = SourceFileLoader(fullname, origin)
        loader.get_code = lambda name: self._code(*place)
        loader.exec_module = lambda module: self._execute(loader, module)
        self._loaders.append(loader)
        folders = [origin.rpartition("/")[0]] if is_package else None
        return spec_from_file_location(
            fullname, origin, loader=loader, submodule_search_locations=folders
        )

    def close(self):
        """Returns what must live on: code refers to the memory that it has mapped."""
        for loader in self._loaders:
            del loader.get_code, loader.exec_module
        self._file.close()
        self._index = self._made_docs = self._loaders = None
        return self._reader


class _PatchingLoader:
    """Changes a module once it is executed (importlib's loader protocol)."""

    def __init__(self, loader, patch):
        self._loader = loader
        self._patch = patch

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._patch(module)


class HiddenModules:
    """Loads modules, hides them, and gives them back on import."""

    def __init__(self, visible, patches, shared_constants):
        """``patches``: what changes a module, by the module's name, whenever that is loaded."""
        self._patches = dict(patches)
        self._shared_constants = shared_constants
        self._visible = frozenset(visible)
        self._stored = {}
        self._needs = {}
        self._traces = {}
        self._exit_handlers = {}
        self.registered_exit_handlers = 0
        """Of modules that were given back: none of these waits for anything."""
        self._hooked = False

    def load(self, names, bundle):
        """Imports ``names`` in order, from the file ``bundle`` what is in it. A name that cannot be imported raises ImportError: a preload
        list that does not fit its image is an error of the image, not of a run."""
        real_import = builtins.__import__
        needs = self._needs

        def recording_import(name, globals=None, locals=None, fromlist=(), level=0):
            importer = _importer(globals)
            module = real_import(name, globals, locals, fromlist, level)
            imported = getattr(module, "__name__", name)
            self._note_traces(name if level == 0 else imported)
            if importer:
                found = needs.setdefault(importer, set())
                found.add(imported)
                if level == 0:
                    found.add(name)
                found.update(
                    f"{imported}.{item}" for item in fromlist or () if f"{imported}.{item}" in sys.modules
                )
            return module

        import atexit
        import warnings

        real_register = atexit.register

        def recording_register(function, *args, **kwargs):
            if not self._loading:
                return real_register(function, *args, **kwargs)
            owner = getattr(function, "__module__", None)
            self._exit_handlers.setdefault(owner, []).append((function, args, kwargs))
            return function

        self._register = real_register
        self._loading = True
        atexit.register = recording_register
        self._warnings = warnings
        self._first_filters, self._first_finders = list(warnings.filters), list(sys.meta_path)
        self._known_filters = list(self._first_filters)
        bundled = BundledModules(bundle, self._shared_constants)
        sys.meta_path.insert(0, bundled)
        self._known_finders = list(sys.meta_path)
        builtins.__import__ = recording_import
        try:
            for name in names:
                real_import(name)
                self._note_traces(name)
        finally:
            builtins.__import__ = real_import
            atexit.register = real_register
            self._mapped = bundled.close()
            self._loading = False
        for name in [name for name in self._patches if name in sys.modules]:
            self._patches.pop(name)(sys.modules[name])

    def _note_traces(self, name):
        """Remembers what the import of ``name`` left outside its module: warning filters, finders."""
        filters = [f for f in self._warnings.filters if f not in self._known_filters]
        finders = [f for f in sys.meta_path if f not in self._known_finders]
        if filters or finders:
            self._traces[name] = (filters, finders)
            self._known_filters += filters
            self._known_finders += finders

    def hide(self):
        """Leaves the import system as a fresh interpreter has it. May be called again, after the
        runner itself has made use of a hidden module."""
        for name in [n for n in sys.modules if n not in self._visible]:
            self._stored[name] = sys.modules.pop(name)
        self._warnings.filters[:] = self._first_filters
        self._warnings._filters_mutated()
        sys.meta_path[:] = self._first_finders

        if not self._hooked:
            self._hooked = True
            find_stored, find_builtin = self._find_spec, BuiltinImporter.find_spec

            # The first finder that every import asks: sys.meta_path keeps the look of a fresh one.
            def find_spec(fullname, path=None, target=None):
                spec = find_stored(fullname) or find_builtin(fullname, path, target)
                if spec is None and fullname in self._patches:
                    return self._find_patched(fullname, path, target)
                return spec

            BuiltinImporter.find_spec = staticmethod(find_spec)

    def _find_patched(self, name, path, target):
        for finder in sys.meta_path:
            if finder is BuiltinImporter:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is None:
                continue
            if hasattr(spec.loader, "exec_module"):
                spec.loader = _PatchingLoader(spec.loader, self._patches[name])
            return spec
        return None

    def get(self, name):
        """The module of this name if it is loaded, hidden or not; else None."""
        return self._stored.get(name) or sys.modules.get(name)

    def _find_spec(self, name):
        module = self._stored.get(name)
        return None if module is None else _StoredModuleLoader(name, module, self._reveal).spec()

    def _reveal(self, name):
        waiting = [name]
        while waiting:
            current = waiting.pop()
            module = self._stored.pop(current, None)
            if module is None:
                continue
            sys.modules[current] = module
            waiting.extend(self._needs.get(current, ()))
            parent = current.rpartition(".")[0]
            if parent:
                waiting.append(parent)
            filters, finders = self._traces.get(current, ((), ()))
            if filters:
                self._warnings.filters[:0] = filters
                self._warnings._filters_mutated()
            sys.meta_path.extend(finders)
            for function, args, kwargs in self._exit_handlers.pop(current, ()):
                self._register(function, *args, **kwargs)
                self.registered_exit_handlers += 1
