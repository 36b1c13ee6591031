"""Writes the code of all modules that preloading will need into one file, when the guest is installed.

Run in the image as ``python3 -I bundle.py FILE [MODULE ...]``. Loading a thousand modules from the file
instead of one by one saves some thousand looks at the file system, each of which gVisor would
remember in every executor. The other side is ``hidden_modules.BundledModules``.

The file: what its code shares (shared_constants.py); marshalled code objects, each with its places behind it; a
marshalled pair of an index, ``{name: (origin, is_package, offset, length of the code, length of the places)}``, and
the table of docstrings that decorators made; the length of what is shared and the pair's offset as 8 bytes each,
little-endian.
"""

import gc
import marshal
import sys
from importlib import import_module
from importlib.machinery import SourceFileLoader

# What is needed before anything can be shared.
import ctypes, mmap, struct, types

own = set(sys.modules)


def source_modules():
    """Of what is loaded: the modules that come from source files, under their own names."""
    for name, module in sorted(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec and spec.name == name and type(spec.loader) is SourceFileLoader:
            yield spec


def shared_constants():
    module = types.ModuleType("shared_constants")
    path = f"{__file__.rpartition('/')[0]}/shared_constants.py"
    exec(SourceFileLoader("shared_constants", path).get_code("shared_constants"), module.__dict__)
    return module


def main(path, names):
    for name in names:
        import_module(name)
    shared = shared_constants()
    codes = [(spec, spec.loader.get_code(spec.name)) for spec in source_modules()]
    with open(path, "w+b") as file:
        writer = shared.Writer(file)
        taken = [
            writer.take(code) if shared.CAN_SHARE and spec.name not in own else (code, b"")
            for spec, code in codes
        ]
        functions = (one for one in gc.get_objects() if type(one) is types.FunctionType)
        made_docs = writer.take_made_docs(functions) if shared.CAN_SHARE else b""
        length = file.tell()
        file.flush()
        reader = shared.Reader(file, length)
        index = {}
        for (spec, whole), (code, places) in zip(codes, taken):
            text = marshal.dumps(code)
            is_package = spec.submodule_search_locations is not None
            index[spec.name] = (spec.origin, is_package, file.tell(), len(text), len(places))
            file.write(text + places)
            read = marshal.loads(text)
            if places:
                reader.put(read, places)
            if read != whole:
                raise AssertionError(f"the code of {spec.name} is another one once it is written and read")
        start = file.tell()
        file.write(marshal.dumps((index, made_docs)))
        file.write(length.to_bytes(8, "little") + start.to_bytes(8, "little"))


main(sys.argv[1], sys.argv[2:])
