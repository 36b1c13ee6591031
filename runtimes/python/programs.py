"""Executes a program: its source file, its module, its ``main``.

Known from outside: ``results``, ``ending``, and ``frame``, which makes a frame for the manager.
"""

import builtins
import json
import os
import sys
import types
from itertools import islice

SOURCE_FD = 201
WORKSPACE = "/workspace"
SOURCE_PATH = WORKSPACE + "/main.py"
RESULT, NOTE = 3, 6
MAX_NOTE_BYTES = 2048


def call_main(module, arguments_json):
    """Runs the module's ``main`` and returns the frames that hand its result over."""
    main = getattr(module, "main", None)
    if not callable(main):
        raise ImportError(
            f"cannot import name 'main' from 'main' ({SOURCE_PATH}): the code must define a function main"
        )
    value = main(**read_arguments(arguments_json))
    if isinstance(value, (types.CoroutineType, types.AsyncGeneratorType)):
        return run_in_loop(value)
    if isinstance(value, types.GeneratorType):
        # What is raised in it is the program's failure, not an odd value.
        value = list(islice(value, results.MAX_ITEMS))
    return result_frames(value)


def read_arguments(arguments_json):
    """Returns the arguments of ``main``; raises ValueError where Python cannot read them."""
    try:
        return json.loads(arguments_json)
    except RecursionError:
        raise ValueError("the arguments are nested too deep for Python to read") from None
    except ValueError as error:
        # The manager has looked at them: this is about the digits of a number.
        raise ValueError(f"the arguments cannot be read: {error}") from None


def result_frames(value):
    """Returns the frames that hand a result over: a NOTE comes first if something is to be said of it."""
    text, note = results.result_json(value)
    whole = frame(RESULT, text)
    return frame(NOTE, note.encode("utf-8", "replace")[:MAX_NOTE_BYTES]) + whole if note else whole


def run_in_loop(value):
    """Runs an asynchronous main, which may be a generator, as asyncio.run() does. The loop's end waits for
    the executor's threads and for tasks that do not let themselves be cancelled, so the result is handed over
    before."""
    import asyncio

    async def whole():
        if isinstance(value, types.AsyncGeneratorType):
            result = result_frames([item async for item in value])
        else:
            result = result_frames(await value)
        loop = asyncio.get_running_loop()
        if len(asyncio.all_tasks()) > 1 or loop._default_executor:
            ending.announce_return(0, result)
        return result

    return asyncio.run(whole())


def open_source_file():
    """Makes the file of the user's source ahead of the run, which then has only to write it; the
    descriptor stays, as the others of the runner do."""
    fd = os.open(SOURCE_PATH, os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(fd, SOURCE_FD, inheritable=False)
    os.close(fd)


def write_source(source):
    """Writes the file of the user's source."""
    at = 0
    while at < len(source):
        at += os.pwrite(SOURCE_FD, source[at:], at)


def empty_source_file():
    """Takes away what is in the file of the user's source."""
    os.ftruncate(SOURCE_FD, 0)


def load(source):
    """Executes the user's source as the module ``main``, found in sys.modules by that name."""
    module = types.ModuleType("main")
    module.__file__ = SOURCE_PATH
    module.__builtins__ = builtins
    sys.modules["main"] = module
    exec(compile(source, SOURCE_PATH, "exec", dont_inherit=True), module.__dict__)
    return module


def run_script(source):
    """Executes the user's source as the interpreter does with the file that it is started with."""
    module = sys.modules["__main__"]
    module.__file__ = SOURCE_PATH
    exec(compile(source, SOURCE_PATH, "exec", dont_inherit=True), module.__dict__)
