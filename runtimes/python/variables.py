"""Variables of the environment that one program has, and no later one."""

import os
import time


def put(assignments):
    """Sets variables, each given as ``NAME=value`` in bytes. Returns what put_back() takes."""
    before = {}
    for assignment in assignments:
        name, _, value = os.fsdecode(assignment).partition("=")
        before.setdefault(name, os.environ.get(name))
        _set(name, value)
    return before


def put_back(before):
    """Sets variables as they were before put(), whatever the program did with them."""
    for name, value in before.items():
        _set(name, value)


def _set(name, value):
    try:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
        if name == "TZ":
            time.tzset()
    except Exception:
        # Of a program that has made os.environ something else.
        pass
