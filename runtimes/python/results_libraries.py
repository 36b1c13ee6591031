"""How results.py tells the values of numpy and pandas, and the keys of mappings."""

import datetime
import sys
from enum import Enum


class Libraries:
    """The part of a conversion that knows libraries. Whoever has it has ``plain``, ``_list``, ``_mapping`` and
    ``_describe``."""

    def _numpy(self, value, path, depth):
        numpy = sys.modules["numpy"]
        kind = value.dtype.kind if hasattr(value, "dtype") else ""
        if kind in ("M", "m"):
            return self._numpy_times(numpy, value)
        if isinstance(value, numpy.dtype):
            return str(value)
        if isinstance(value, numpy.void) and value.dtype.names:
            return self._mapping(((name, value[name]) for name in value.dtype.names), path, depth)
        if isinstance(value, numpy.ndarray) and value.dtype.names:
            return self._list(value, path, depth)
        if isinstance(value, numpy.ndarray) and value.ndim and value.dtype.itemsize <= 8:
            if kind in ("b", "i", "u") or (kind == "f" and numpy.isfinite(value).all()):
                return value.tolist()
        if isinstance(value, numpy.generic | numpy.ndarray):
            item = value.item() if isinstance(value, numpy.generic) else value.tolist()
            if isinstance(item, numpy.generic):
                # A long double has no Python number of its size.
                item = float(item) if kind == "f" else complex(item)
            return self.plain(item, path, depth + 1)
        if hasattr(value, "tolist"):
            return self.plain(value.tolist(), path, depth + 1)
        return self._describe(value, path, f"{type(value).__name__} has no JSON form, described in words")

    def _numpy_times(self, numpy, value):
        if isinstance(value, numpy.ndarray) and value.ndim:
            return [self._numpy_times(numpy, item) for item in value]
        if numpy.isnat(value):
            return None
        if value.dtype.kind == "M":
            return str(numpy.datetime_as_string(value))
        seconds = float(value / numpy.timedelta64(1, "s"))
        return int(seconds) if seconds == int(seconds) else seconds

    def _sympy(self, value, path, depth):
        if getattr(value, "is_Integer", False):
            return self.plain(int(value), path, depth + 1)
        if getattr(value, "is_Float", False):
            return self.plain(float(value), path, depth + 1)
        if getattr(value, "is_Boolean", False) and not value.free_symbols:
            return bool(value)
        return str(value)

    def _pandas(self, value, path, depth):
        pandas = sys.modules["pandas"]
        ExtensionDtype = pandas.api.extensions.ExtensionDtype
        if isinstance(value, pandas.DataFrame):
            return self._frame(pandas, value, path, depth)
        if isinstance(value, pandas.Series):
            if _is_default(value.index):
                return self._list(value.tolist(), path, depth)
            if value.index.is_unique:
                return self._mapping(zip(value.index.tolist(), value.tolist()), path, depth)
            return self._list(zip(value.index.tolist(), value.tolist()), path, depth)
        if isinstance(value, pandas.Period | pandas.Interval | pandas.DateOffset | ExtensionDtype):
            return str(value)
        for method in ("tolist", "to_list"):
            if callable(getattr(value, method, None)):
                return self._list(getattr(value, method)(), path, depth)
        return self._describe(value, path, f"{type(value).__name__} has no JSON form, described in words")

    def _frame(self, pandas, frame, path, depth):
        """Rows as objects; labels that are not just 0, 1, 2 ... stand first, under their own names."""
        columns = {}
        if not _is_default(frame.index):
            levels = [frame.index]
            if isinstance(frame.index, pandas.MultiIndex):
                levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
            for number, level in enumerate(levels):
                usual = "index" if len(levels) == 1 else f"level_{number}"
                name = usual if level.name is None else key_text(level.name)
                columns[unused_name(name, columns)] = level.tolist()
        for number, label in enumerate(frame.columns.tolist()):
            columns[unused_name(key_text(label), columns)] = frame.iloc[:, number].tolist()
        names = list(columns)
        rows = zip(*columns.values()) if names else ([] for _ in range(len(frame)))
        return [
            {
                name: self.plain(cell, f"{path}[{index}].{name}", depth + 2)
                for name, cell in zip(names, row)
            }
            for index, row in enumerate(rows)
        ]


def _is_default(index):
    """Whether labels say no more than a row's place."""
    kind = type(index).__name__
    if kind == "RangeIndex":
        return index.start == 0 and index.step == 1
    return index.dtype.kind == "i" and bool((index == range(len(index))).all())


def key_text(key):
    if type(key) is str:
        return key
    if key is None or key is True or key is False:
        # As json.dumps writes them.
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, Enum) and not isinstance(key, str | int):
        key = key.value
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, int):
        return str(int(key))
    if isinstance(key, datetime.datetime | datetime.date | datetime.time):
        return key.isoformat()
    try:
        return str(key)
    except BaseException:
        return f"<{type(key).__name__} object>"


def unused_name(name, names):
    """The name, or one with a number behind it where two keys have the same text."""
    if name not in names:
        return name
    number = 1
    while f"{name}.{number}" in names:
        number += 1
    return f"{name}.{number}"
