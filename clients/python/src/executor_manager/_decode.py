"""Makes the generated dataclasses of JSON."""

from __future__ import annotations

import dataclasses
import functools
import typing
from typing import Any, Dict, Type, TypeVar

T = TypeVar("T")


def decode(cls: Type[T], data: Any) -> T:
    """Makes a dataclass of a JSON object. Members that it does not know are left out. A field ``from_`` is the
    member ``from``: no field can have a word of Python as its name."""
    hints = _hints(typing.cast(Any, cls))
    members = {name: name.rstrip("_") for name in hints}
    return cls(**{n: _value(hints[n], data[m]) for n, m in members.items() if m in data})


@functools.lru_cache(maxsize=None)
def _hints(cls: Any) -> Dict[str, Any]:
    return typing.get_type_hints(cls)


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast(type, hint), value)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is list:
        return [_value(arguments[0], item) for item in value]
    if typing.get_origin(hint) is typing.Union:
        (only,) = [argument for argument in arguments if argument is not type(None)]
        return _value(only, value)
    return value
