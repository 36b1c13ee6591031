"""Writes the code of all modules that preloading will need into one file, when the guest is installed.

Run in the image as ``python3 -I bundle.py FILE [MODULE ...]``. Loading a thousand modules from the file
instead of one by one saves some thousand looks at the file system, each of which gVisor would
remember in every executor. The other side is ``hidden_modules.BundledModules``.

The file: marshalled code objects; a marshalled index, ``{name: (origin, is_package, offset, length)}``;
the index's offset as 8 bytes, little-endian.
"""

import marshal
import sys
from importlib import import_module
from importlib.machinery import SourceFileLoader


def source_modules():
    """Of what is loaded: the modules that come from source files, under their own names."""
    for name, module in sorted(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec and spec.name == name and type(spec.loader) is SourceFileLoader:
            yield spec


def main(path, names):
    for name in names:
        import_module(name)
    index = {}
    with open(path, "wb") as file:
        for spec in source_modules():
            code = marshal.dumps(spec.loader.get_code(spec.name))
            is_package = spec.submodule_search_locations is not None
            index[spec.name] = (spec.origin, is_package, file.tell(), len(code))
            file.write(code)
        start = file.tell()
        file.write(marshal.dumps(index))
        file.write(start.to_bytes(8, "little"))


main(sys.argv[1], sys.argv[2:])
