"""The Python kernel of a session: runs one program after the other in one namespace.

Started by the session's supervisor as ``python3 -P kernel.py``. Speaks frames (u32 length, u8 type, payload;
little-endian) on two pipes of its own. The other side is src/supervisor/kernel-protocol.ts.
"""

import sys

GUEST_FOLDER = __file__.rpartition("/")[0]


def own_module(name, **known):
    """One of the kernel's own modules, which no program sees. ``known`` are names that it has from outside."""
    path = f"{GUEST_FOLDER}/{name}.py"
    module = type(sys)(name)
    module.__dict__.update(known, __file__=path)
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
    return module


import gc
import inspect
import os
import signal
import site
import traceback
import types
import warnings

failures, figures, frames, processes, randomness = map(
    own_module, ["failures", "figures", "frames", "processes", "randomness"]
)
libraries = own_module("results_libraries")
known = {name: getattr(libraries, name) for name in ("Libraries", "key_text", "unused_name")}
results = own_module("results", **known)
ending = own_module("ending", modules=sys.modules, send_bytes=frames.send_bytes)
ending.is_announced = True  # There is nothing to announce: the interpreter lives on.
programs = own_module("programs", results=results, ending=ending, frame=frames.frame)
variables = own_module("variables")
own_module("figure_hooks", patches=figures.PATCHES)

READY, RESULT, FAILURE, ERROR, VALUE, ENDED = 1, 3, 4, 7, 9, 10
CODE, ARGUMENTS, START, MODE, ENV, ARGV, STDIN, RESEED, NAME, TELL, SET = 2, 3, 4, 6, 7, 8, 10, 11, 12, 13, 14
ERRORS_ALONE, DATA = 1, 2
FUNCTION, SCRIPT, CELL, ASK = 0, 1, 2, 3

process = os.getpid()
namespace = sys.modules["__main__"] = types.ModuleType("__main__")
namespace.__builtins__ = __builtins__


def look_fresh():
    """What a program finds: the folder that it runs in, and the libraries of its user, also those to come."""
    sys.argv = [""]
    sys.path.insert(0, "")
    # Whoever watches a run sees a line when it is printed.
    sys.stdout.reconfigure(line_buffering=True)
    own = site.getusersitepackages()
    os.makedirs(own, exist_ok=True)
    if own not in sys.path:
        site.addsitedir(own)
    figures.WORKSPACE = os.getcwd()
    failures.hide_our_frames(warnings, traceback, inspect)
    processes.show_processors()


held_value = []


def send_shown(frame_type, payload):
    """Hands over what a cell shows. Its value waits for its end, which mostly comes next: each frame that goes out
    by itself wakes the supervisor and the manager."""
    if frame_type == VALUE:
        held_value.append(frames.frame(VALUE, payload))
    else:
        frames.send_bytes(take_value() + frames.frame(frame_type, payload))


def take_value():
    value = b"".join(held_value)
    held_value.clear()
    return value


def load_cells():
    known = {"failures": failures, "figures": figures, "flush_output": ending.flush_output}
    try:
        cells = own_module("cells", **known, result_json=results.result_json, send=send_shown)
    except ModuleNotFoundError as error:
        if error.name != "IPython":
            raise
        cells = own_module("plain_cells", **known, result_json=results.result_json, send=send_shown)
    cells.data_forms = own_module("data_forms", own_module=own_module, result_json=results.result_json)
    del namespace.__file__
    return cells


def tell(cells, how):
    """What is told of a program: its error without printing it, and the data of tables and charts that it shows."""
    failures.prints_errors = not how & ERRORS_ALONE
    figures.shows_saved_images = bool(how & DATA)
    if cells.data_forms.is_on != bool(how & DATA):
        cells.data_forms.switch(bool(how & DATA))


def reseed():
    """Randomness of its own, for one of several copies."""
    loaded = dict(sys.modules)
    if "numpy.random.mtrand" not in loaded:
        loaded.pop("numpy", None)
    randomness.reseed(loaded)


def read_from(path):
    """Has standard input be a file."""
    fd = os.open(path, os.O_RDONLY)
    os.dup2(fd, 0)
    os.close(fd)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)


def execute(source, name):
    """Runs a program in the namespace of all."""
    failures.users_files.add(name)
    failures.current_file = name
    text = source.decode()
    sys.modules.get("linecache").cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec", dont_inherit=True), namespace.__dict__)


def ignore_interrupts():
    """What was meant for this program must not hit what comes after it."""
    while True:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return
        except KeyboardInterrupt:
            pass


def report(error):
    failures.cut_our_frames(error)
    try:
        frames.send(FAILURE, failures.note_of(error))
    except BaseException:
        pass
    told = failures.print_error(error)
    if told is not None:
        frames.send(ERROR, told)


def run(cells, mode, source, arguments, name):
    """Runs a program. Returns its exit code, and frames that hand over its result."""
    code, result = 0, b""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if getattr(sys.stdin, "closed", False):
            sys.stdin = sys.__stdin__ = open(0, closefd=False)
        cells.takes_displays = True
        if mode == ASK:
            questions = own_module("questions", namespace=namespace)
            result = frames.frame(RESULT, questions.answer(source))
        elif mode == CELL:
            cells.run_cell(source, name)
        else:
            execute(source, name)
            result = programs.call_main(namespace, arguments) if mode == FUNCTION else b""
            figures.save_open_figures(has_failed=False)
    except SystemExit as error:
        ignore_interrupts()
        code = failures.exit_code_of(error)
    except BaseException as error:
        code = 1
        ignore_interrupts()
        try:
            report(error)
        except BaseException:
            pass
    ignore_interrupts()
    return code, result


def serve(cells):
    mode, arguments, name = CELL, b"{}", "<cell>"
    source = b""
    assignments = []
    has_input = False
    frames.send(READY)
    while True:
        frame_type, payload = frames.receive()
        if frame_type == CODE:
            source = payload
        elif frame_type == ARGUMENTS:
            arguments = payload
        elif frame_type == MODE:
            mode = payload[0]
        elif frame_type == ENV:
            assignments.append(payload)
        elif frame_type == SET:
            variables.put([payload])
        elif frame_type == TELL:
            tell(cells, payload[0])
        elif frame_type == ARGV:
            sys.argv.append(os.fsdecode(payload))
        elif frame_type == STDIN:
            read_from(payload)
            has_input = True
        elif frame_type == RESEED:
            reseed()
        elif frame_type == NAME:
            name = payload.decode()
        elif frame_type == START:
            before = variables.put(assignments)
            try:
                code, result = run(cells, mode, source, arguments, f"<{name}>")
            except KeyboardInterrupt:
                # It came when the program had ended already, or while its error was told.
                code, result = 1, b""
            ending.flush_output()
            if os.getpid() != process:
                # A program has forked, and this is the child: there is one kernel.
                os._exit(code)
            with cells.sending:
                cells.takes_displays = False
                frames.send_bytes(take_value() + result + frames.frame(ENDED, payload + bytes([code])))
            mode, arguments = CELL, b"{}"
            tell(cells, 0)
            variables.put_back(before)
            assignments.clear()
            del sys.argv[1:]
            if has_input:
                read_from("/dev/null")
                has_input = False


signal.signal(signal.SIGINT, signal.SIG_IGN)
look_fresh()
kernel_cells = load_cells()
kernel_cells.takes_displays = False
gc.collect()
gc.freeze()
serve(kernel_cells)
