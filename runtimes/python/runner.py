"""The Python runner: loads libraries, waits for a task, runs ``main(**arguments)``, hands back.

Started by the supervisor as ``python3 -I -B runner.py [MODULE ...]``, the modules to load beforehand.
Speaks frames (u32 length, u8 type, payload; little-endian) on two pipes of its own, so that standard
output and error are the user's alone. The other side is src/supervisor/protocol.ts.
"""

import sys

start_up_modules = frozenset(sys.modules)
GUEST_FOLDER = __file__.rpartition("/")[0]


def own_module(name, **known):
    """One of the runner's own modules, which no program sees. ``known`` are names that it has from outside."""
    from _frozen_importlib_external import SourceFileLoader

    path = f"{GUEST_FOLDER}/{name}.py"
    module = type(sys)(name)
    module.__dict__.update(known, __file__=path)
    exec(SourceFileLoader(name, path).get_code(name), module.__dict__)
    return module


# Before the others, which take the memory that compiling it needed and gave back.
policy, strict, balanced = map(own_module, ["policy", "policy_strict", "policy_balanced"])
figures, processes = own_module("figures"), own_module("processes")
shared_constants = own_module("shared_constants")
modules = own_module("hidden_modules").HiddenModules(start_up_modules, figures.PATCHES, shared_constants)
own = ["ctypes", "gc", "inspect", "json", "os", "signal", "struct", "threading", "traceback", "types"]
modules.load([*own, "warnings", *sys.argv[1:]], f"{GUEST_FOLDER}/modules.bin")
# After them, since they are made of them.
failures, frames, randomness = map(own_module, ["failures", "frames", "randomness"])
libraries = own_module("results_libraries")
known = {name: getattr(libraries, name) for name in ("Libraries", "key_text", "unused_name")}
results = own_module("results", **known)
ending = own_module("ending", modules=modules, send_bytes=frames.send_bytes)
programs = own_module("programs", results=results, frame=frames.frame, ending=ending)
warm_up_programs = own_module("warm_up_programs")
# Source lines that a library looked at while it was loaded.
modules.get("linecache").clearcache()
failures.hide_our_frames(*map(modules.get, ["warnings", "traceback", "inspect"]))
processes.show_processors()
processes.share_memory_with_children(modules.get("ctypes"))

import gc
import json
import os
import signal
import types
from time import sleep

modules.hide()

PING, CODE, ARGUMENTS, START, POLICY, MODE, ENV, ARGV, KEEP = 1, 2, 3, 4, 5, 6, 7, 8, 9
FUNCTION, SCRIPT, CELL = 0, 1, 2
READY, PONG, FAILURE, REFUSED, ERROR = 1, 2, 4, 5, 7

MAX_REFUSED_BYTES = 32 * 1024
WORKSPACE, SOURCE_PATH = programs.WORKSPACE, programs.SOURCE_PATH

send, receive = frames.send, frames.receive


def load_cells():
    """What runs cells: loaded with the first of them."""
    return own_module(
        "cells",
        failures=failures,
        figures=figures,
        flush_output=ending.flush_output,
        result_json=results.result_json,
        send=send,
    )


def report_failure(error):
    failures.cut_our_frames(error)
    try:
        send(FAILURE, failures.note_of(error))
    except BaseException:
        pass
    told = failures.print_error(error)
    try:
        if told is not None:
            send(ERROR, told)
    except BaseException:
        pass


def ignore_interrupts(path):
    """What was meant for this program must not hit what comes after it."""
    while path:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return
        except KeyboardInterrupt:
            pass


def run(source, arguments_json, mode, cells, path=None):
    """Runs a program and ends the interpreter, or hands back and returns where ``path`` is given: the file that
    the lines of a program belong to after which others come."""
    code = 0
    result = None
    if path:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        programs.write_source(source)
        if mode == CELL:
            cells.run_cell(source, path or SOURCE_PATH)
        elif mode == SCRIPT:
            programs.run_script(source)
        else:
            result = programs.call_main(programs.load(source), arguments_json)
    except SystemExit as error:
        code = failures.exit_code_of(error)
    except BaseException as error:
        code = 1
        ignore_interrupts(path)
        report_failure(error)
    ignore_interrupts(path)
    if mode != CELL:
        figures.save_open_figures(has_failed=code != 0)
    if path:
        ending.hand_back(code, result)
        return
    ending.finish(code, None if ending.is_announced else result, mode != FUNCTION)


def inspector(rules):
    return policy.inspector(rules, vars(strict), vars(balanced))


def usual_inspectors():
    with open(GUEST_FOLDER + "/policy.json") as file:
        usual = json.load(file)
    return [inspector({**usual, "mode": mode, "rules": usual[mode]}) for mode in ("strict", "balanced")]


def warm_up(inspectors):
    """The way of a run, walked with a program of our own, so that its memory is present."""
    for inspect in inspectors:
        inspect(warm_up_programs.INSPECTION)
        inspect(warm_up_programs.SOURCE.encode())
    module = types.ModuleType("main")
    exec(compile(warm_up_programs.SOURCE, SOURCE_PATH, "exec", dont_inherit=True), module.__dict__)
    programs.call_main(module, warm_up_programs.ARGUMENTS)
    programs.result_frames({"of": {1}, "nan": [float("nan")], "path": [modules.get("datetime").date.min]})
    programs.write_source(warm_up_programs.SOURCE.encode())
    programs.empty_source_file()
    sleep(0)
    pandas = modules.get("pandas")
    if pandas:
        # Its first operation touches so much memory that it takes 10 ms in a restored sandbox.
        pandas.DataFrame({"a": [1, 2, 3.5]})["a"].sum()
    modules.hide()


def look_fresh():
    """Leaves the interpreter as a program finds it that has just started."""
    sys.argv = [SOURCE_PATH]
    sys.path.insert(0, WORKSPACE)
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__builtins__ = __builtins__


def look_fresh_again():
    """Before each of several runs: arguments are new, and what was not read of the last input is gone."""
    sys.argv = [SOURCE_PATH]
    failures.current_file = SOURCE_PATH
    programs.empty_source_file()
    ending.is_announced = True  # There is nothing to announce: the interpreter lives on.
    if sys.stdin is sys.__stdin__:
        sys.stdin = sys.__stdin__ = open(0, closefd=False)


def set_variable(name, value):
    os.environ[name] = value
    if name == "TZ":
        modules.get("time").tzset()


def serve():
    source = arguments_json = b""
    inspect = cells = None
    mode = FUNCTION
    kept_runs = 0
    is_kept = False
    send(READY)
    while True:
        frame_type, payload = receive()
        if frame_type == POLICY:
            inspect = inspector(json.loads(payload))
        elif frame_type == PING:
            warm_up([inspect] if inspect else [])
            randomness.reseed(modules)
            send(PONG)
        elif frame_type == CODE:
            source = payload
        elif frame_type == ARGUMENTS:
            arguments_json = payload
        elif frame_type == MODE:
            mode = payload[0]
        elif frame_type == KEEP:
            is_kept = True
            kept_runs += 1
            look_fresh_again()
        elif frame_type == ENV:
            set_variable(*os.fsdecode(payload).split("=", 1))
        elif frame_type == ARGV:
            sys.argv.append(os.fsdecode(payload))
        elif frame_type == START:
            if mode == CELL and cells is None:
                cells = load_cells()
            findings = inspect(cells.python_of(source) if mode == CELL else source) if inspect else None
            if findings is not None:
                send(REFUSED, findings.encode("utf-8", "replace")[:MAX_REFUSED_BYTES])
                if is_kept:
                    ending.hand_back(0, None)
                    continue
                ending.finish(0)
            if not is_kept:
                run(source, arguments_json, mode, cells)
            run(source, arguments_json, mode, cells, f"{WORKSPACE}/cell-{kept_runs}.py")
            mode = FUNCTION
            is_kept = False


look_fresh()
# The supervisor's wish for what was printed and is still held back; other programs ignore it.
signal.signal(signal.SIGURG, ending.flush_output)
programs.open_source_file()
warm_up(usual_inspectors())
randomness.reseed(modules)
# What is loaded now lives as long as the process: keep the collector from walking (and so, in a
# restored sandbox, paging in) all of it.
gc.collect()
gc.freeze()
serve()
