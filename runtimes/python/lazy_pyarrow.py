"""Makes pandas import pyarrow when a program needs it, and not with pandas itself.

Run once as root in the image that is being made, when the packages are installed. Importing pyarrow takes
as long as importing pandas, and as much memory, in each executor that has pandas loaded. Of pandas' own
modules it is used by few functions: columns of Arrow types, Parquet, Feather and ORC files. All of that
works as before.
"""

import pathlib
import re
from importlib.metadata import version
from importlib.util import find_spec

PANDAS = pathlib.Path(find_spec("pandas").origin).parent
GUARD = "if not pa_version_under10p1:\n"
USERS = [
    "core/dtypes/dtypes.py",
    "core/arrays/string_arrow.py",
    "core/arrays/_arrow_string_mixins.py",
    "core/arrays/arrow/accessors.py",
    "core/arrays/arrow/array.py",
]

LAZY = '''"""pyarrow and pyarrow.compute, imported when something of them is used."""

from importlib import import_module


class _Lazy:
    __spec__ = None

    def __init__(self, module):
        self.__name__ = module

    def __getattr__(self, name):
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        value = getattr(import_module(self.__name__), name)
        setattr(self, name, value)
        return value


pa = _Lazy("pyarrow")
pc = _Lazy("pyarrow.compute")
'''

HIDE = """import sys as _sys

from pandas._lazy_pyarrow import pa as _pa

_is_ours = _sys.modules.setdefault("pyarrow", _pa) is _pa
"""
SHOW = """
import pandas._libs.lib

if _is_ours:
    del _sys.modules["pyarrow"]
"""


def change(name, edit):
    path = PANDAS / name
    old = path.read_text()
    new = edit(old)
    if new == old:
        raise SystemExit(f"pandas/{name} is not as expected")
    path.write_text(new)


def take_lazy(text):
    """Of the block at the top that is there with pyarrow only."""
    start = text.index(GUARD)
    end = re.compile(r"^\S", re.MULTILINE).search(text, start + len(GUARD)).start()
    block = text[start:end]
    block = block.replace("    import pyarrow as pa\n", "    from pandas._lazy_pyarrow import pa\n")
    block = block.replace("    import pyarrow.compute as pc\n", "    from pandas._lazy_pyarrow import pc\n")
    # Tables of functions.
    block = re.sub(r": pc\.(\w+),$", r": lambda *args: pc.\1(*args),", block, flags=re.MULTILINE)
    return text[:start] + block + text[end:]


def hide_from_extensions(text):
    """One of the compiled modules imports pyarrow by itself, and looks at it later."""
    return HIDE + text + SHOW


def without_test_types(text):
    """Lists for the tests of pandas, which are not in the image."""
    return text.replace(GUARD, "if False:\n", 1)


def know_version(text):
    return text.replace(
        "    import pyarrow as pa\n", f'    class pa:\n        __version__ = "{version("pyarrow")}"\n', 1
    )


(PANDAS / "_lazy_pyarrow.py").write_text(LAZY)
change("compat/pyarrow.py", know_version)
change("_libs/__init__.py", hide_from_extensions)
change("_testing/__init__.py", without_test_types)
for user in USERS:
    change(user, take_lazy)
