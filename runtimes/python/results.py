"""Makes JSON of what ``main`` returned, whatever it is.

Plain values go straight through ``json.dumps``. For the rest there is a fixed table (docs/results.md). What
has no row there never ends the run: its description stands in its place, and a note says where.
"""

import base64
import datetime
import decimal
import fractions
import gc
import ipaddress
import json
import pathlib
import sys
import types
import uuid
from collections import UserString, abc
from enum import Enum
from itertools import islice

# Deeper, and the manager refuses it: JSON readers of clients end at a depth like this.
MAX_DEPTH = 490
MAX_DESCRIPTION = 1000
# An iterator without end is cut here.
MAX_ITEMS = 1_000_000
# Python's own limit for the digits of a number as text, which clients' JSON readers have too.
MAX_DIGITS = 4300
MAX_NOTED = 3
MAX_PATH = 200

# Known from outside: Libraries, key_text and unused_name of results_libraries.py.

_FIRST_TOO_LARGE = 10**MAX_DIGITS
_SCALARS = frozenset([str, int, float, bool, type(None)])
_CONTAINERS = frozenset([dict, list, tuple])
_PLAIN = _SCALARS | _CONTAINERS
_TEXTS = (
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    pathlib.PurePath,
    UserString,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
    datetime.tzinfo,
    complex,
)
_LISTS = (abc.Sequence, abc.Set, abc.MappingView, abc.Iterator)
# Whose instances are lists if they can be iterated: the program's own classes, and views that are no set.
_ITERABLES_OF = ("main", "__main__", "networkx.classes.reportviews")
# Of libraries that say themselves how their values look as plain ones, by the method that does.
_PLAIN_METHODS = ("to_dicts", "to_pylist", "tolist", "to_list")


def result_json(value):
    """JSON text of a result, and a note on what of it could not be told as it is, or None."""
    try:
        text = _dump(value)
        if _is_plain(value) and _digits_are_bounded():
            return _encode(text), None
    except (TypeError, ValueError, RecursionError, AttributeError):
        pass
    limit = sys.getrecursionlimit()
    try:
        # Up to two calls for each level, and whatever the values' own methods need.
        sys.setrecursionlimit(max(limit, 4 * MAX_DEPTH + 1000))
        conversion = _Conversion()
        text = _dump(conversion.plain(value, ""))
        return _encode(text), conversion.note()
    finally:
        sys.setrecursionlimit(limit)


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _encode(text):
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # Half of a surrogate pair has no UTF-8, but JSON can escape it.
        return json.dumps(json.loads(text), separators=(",", ":")).encode("ascii")


def _digits_are_bounded():
    return sys.get_int_max_str_digits() == MAX_DIGITS


def _is_plain(value):
    """Whether a value that json.dumps took is made of plain values only, and not too deep. A named tuple
    is a list to json.dumps. Level by level, in calls that take as long as a small part of json.dumps."""
    level = [value]
    for _ in range(MAX_DEPTH):
        kinds = set(map(type, level))
        if kinds <= _SCALARS:
            return True
        if not kinds <= _PLAIN:
            return False
        level = gc.get_referents(*[item for item in level if type(item) in _CONTAINERS])
    return False


class _Conversion(Libraries):
    def __init__(self):
        self._open = set()
        self._noted = []
        self._count = 0

    def note(self):
        """One text on all places that were not told as they are, or None."""
        if not self._count:
            return None
        more = self._count - len(self._noted)
        tail = f" (and {more} more)" if more > 0 else ""
        return "; ".join(self._noted) + tail + "."

    def _note_place(self, path, why):
        self._count += 1
        if len(self._noted) < MAX_NOTED:
            place = "result" + (path if len(path) <= MAX_PATH else path[:MAX_PATH] + "…")
            self._noted.append(f"{place}: {why}")

    def _describe(self, value, path, why):
        self._note_place(path, why)
        try:
            text = repr(value)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
                raise
            text = f"<{type(value).__name__} object>"
        return _cut(text)

    def plain(self, value, path, depth=0):
        """The value made of what JSON has; never raises for what the value is."""
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if kind is int:
            return self._integer(value, path)
        if kind is float:
            return value if value - value == 0.0 else None
        if depth > MAX_DEPTH:
            return self._describe(value, path, f"nested more than {MAX_DEPTH} deep, described in words")
        if id(value) in self._open:
            return self._describe(value, path, "refers to what it is part of, described in words")
        self._open.add(id(value))
        try:
            return self._other(value, path, depth)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:
            why = f"could not be read ({type(error).__name__}), described in words"
            return self._describe(value, path, why)
        finally:
            self._open.discard(id(value))

    def _integer(self, value, path):
        if -_FIRST_TOO_LARGE < value < _FIRST_TOO_LARGE:
            return value
        self._note_place(path, f"an integer of more than {MAX_DIGITS} digits, given in hexadecimal")
        return _cut(hex(value))

    def _other(self, value, path, depth):
        kind = type(value)
        if isinstance(value, Enum):
            return self.plain(value.value, path, depth + 1)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return base64.b64encode(value).decode("ascii")
        if isinstance(value, float):
            return self.plain(float(value), path, depth)
        if isinstance(value, int):
            return self._integer(int(value), path)
        if kind.__name__ in ("NaTType", "NAType"):
            return None
        if isinstance(value, datetime.timedelta):
            seconds = value.total_seconds()
            return int(seconds) if seconds == int(seconds) else seconds
        if isinstance(value, datetime.datetime | datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, _TEXTS):
            return None if isinstance(value, decimal.Decimal) and not value.is_finite() else str(value)
        library = kind.__module__.partition(".")[0]
        if library == "numpy":
            return self._numpy(value, path, depth)
        if library == "pandas":
            return self._pandas(value, path, depth)
        if library == "sympy" and not callable(getattr(value, "tolist", None)):
            return self._sympy(value, path, depth)
        if isinstance(value, abc.Mapping) and not isinstance(value, abc.Set):
            return self._mapping(value.items(), path, depth)
        members = _members(value)
        if members is not None:
            if not isinstance(members, dict):
                return self.plain(members, path, depth + 1)
            return self._mapping(members.items(), path, depth)
        if isinstance(value, abc.Set) and not isinstance(value, abc.MappingView | abc.Mapping):
            return self._list(_sorted(value), path, depth)
        if isinstance(value, _LISTS):
            return self._list(value, path, depth)
        for method in _PLAIN_METHODS:
            if callable(getattr(value, method, None)) and not isinstance(value, type):
                return self.plain(getattr(value, method)(), path, depth + 1)
        if kind.__module__ in _ITERABLES_OF and isinstance(value, abc.Iterable):
            return self._list(value, path, depth)
        return self._describe(value, path, f"{kind.__name__} has no JSON form, described in words")

    def _list(self, items, path, depth):
        plain = []
        for index, item in enumerate(islice(iter(items), MAX_ITEMS + 1)):
            if index == MAX_ITEMS:
                self._note_place(path, f"cut after {MAX_ITEMS} items")
                break
            plain.append(self.plain(item, f"{path}[{index}]", depth + 1))
        return plain

    def _mapping(self, items, path, depth):
        plain = {}
        for key, value in items:
            name = unused_name(key_text(key), plain)
            plain[name] = self.plain(value, f"{path}.{name}", depth + 1)
        return plain


def _cut(text):
    return text if len(text) <= MAX_DESCRIPTION else text[:MAX_DESCRIPTION] + "…"


def _members(value):
    """What an object is made of, if it is of a kind that says so; else None."""
    kind = type(value)
    if isinstance(value, type):
        return None
    if isinstance(value, tuple):
        fields = getattr(kind, "_fields", None)
        if isinstance(fields, tuple) and all(type(name) is str for name in fields):
            return dict(zip(fields, value))
        return None
    for method in ("model_dump", "_asdict"):
        if callable(getattr(kind, method, None)):
            return getattr(value, method)()
    for fields in ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__"):
        found = getattr(kind, fields, None)
        if isinstance(found, dict | tuple):
            names = [name if isinstance(name, str) else name.name for name in found]
            return {name: getattr(value, name) for name in names if hasattr(value, name)}
    if isinstance(value, types.SimpleNamespace) or kind.__qualname__ == "Namespace":
        return dict(vars(value))
    if callable(getattr(kind, "__fields_set__", None)) or hasattr(kind, "__fields__"):
        if callable(getattr(kind, "dict", None)):
            return value.dict()
    return None


def _sorted(items):
    try:
        return sorted(items)
    except TypeError:
        return items
