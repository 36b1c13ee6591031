"""The Python runner: loads libraries, waits for a task, runs ``main(**arguments)``, hands back.

Started by the supervisor as ``python3 -I -B runner.py [MODULE ...]``, the modules to load beforehand.
Speaks frames (u32 length, u8 type, payload; little-endian) on two pipes of its own, so that standard
output and error are the user's alone. The other side is src/supervisor/protocol.ts.
"""

import sys

start_up_modules = frozenset(sys.modules)
GUEST_FOLDER = __file__.rpartition("/")[0]


def load_hidden_modules(names):
    """Loads the runner's own modules and those to load beforehand, and hides them all."""
    from _frozen_importlib_external import SourceFileLoader

    def own_module(name):
        namespace = {"__name__": name}
        exec(SourceFileLoader(name, f"{GUEST_FOLDER}/{name}.py").get_code(name), namespace)
        return namespace

    # Before the others, which take the memory that compiling it needed and gave back.
    policy, strict, balanced = map(own_module, ["policy", "policy_strict", "policy_balanced"])

    def inspector(rules):
        return policy["inspector"](rules, strict, balanced)

    hidden = own_module("hidden_modules")["HiddenModules"](start_up_modules)
    own = ["gc", "json", "os", "signal", "struct", "threading", "types"]
    hidden.load([*own, *names], f"{GUEST_FOLDER}/modules.bin")
    # After them, since it is made of them.
    return hidden, inspector, own_module("results")


modules, inspector, results = load_hidden_modules(sys.argv[1:])

import gc
import json
import os
import signal
import struct
import types
from itertools import islice
from time import sleep

modules.hide()

INPUT_FD, CONTROL_FD, STATUS_FD, SOURCE_FD = 198, 199, 200, 201
# On STATUS_FD, behind the exit code: the program has its result and gets a second to end.
RETURNED_MARK = b"RTRN"
# Up to here a result's frames go out in one write with the status (PIPE_BUF, pipe(7)).
MAX_LAST_BYTES = 4096 - 7
# Of the second that the supervisor gives, so that exit handlers still run and output is flushed.
LEFTOVER_S = 0.8
PING, CODE, ARGUMENTS, START, POLICY, MODE, ENV, ARGV = 1, 2, 3, 4, 5, 6, 7, 8
SCRIPT = 1
READY, PONG, RESULT, FAILURE, REFUSED, NOTE, ERROR = 1, 2, 3, 4, 5, 6, 7

MAX_REFUSED_BYTES = 32 * 1024
MAX_NOTE_BYTES = 2048
# Of what was printed of an error, its end; a character takes 6 bytes of JSON at most.
MAX_TRACEBACK_CHARS, MAX_MESSAGE_CHARS = 4000, 1000
WORKSPACE = "/workspace"
SOURCE_PATH = WORKSPACE + "/main.py"

_WARM_UP_SOURCE = """
import math

class Shape:
    def __init__(self, side):
        self.side = side

    def area(self):
        return math.pow(self.side, 2)

def main(items=(), **rest):
    total = sum(i["value"] for i in items)
    return {"total": total, "text": f"{total:.2f}", "area": Shape(2).area(), "rest": sorted(rest)}
"""
# Of each kind of finding and of what is none, so that the way through the inspection is warm.
_WARM_UP_INSPECTION = b"""
import os as o, sys
from os import path
NAMES = ["a", "b"]
class Report:
    def save(self, name, rows=()):
        with open(f"artifacts/{name}.csv", "w") as file, open(path.join("artifacts", name)) as other:
            file.write("\\n".join(str(row) for row in rows))
def main(x=1):
    for name in NAMES:
        getattr(x, name)
    Report().save("r", rows=[{"k": v} for v in range(3)])
    run = o.system
    return [run("x"), eval("1" + "2"), lambda: __import__("os").popen, open(x), sys.modules["os"]]
"""
_WARM_UP_ARGUMENTS = b'{"items": [{"value": 1}, {"value": 2.5}], "name": "\\u00e9"}'


def frame(frame_type, payload=b""):
    return struct.pack("<IB", len(payload), frame_type) + payload


def send(frame_type, payload=b""):
    send_bytes(frame(frame_type, payload))


def send_bytes(frames):
    view = memoryview(frames)
    while view:
        view = view[os.write(CONTROL_FD, view) :]


def receive():
    """The next frame as (type, payload); exits when the supervisor is gone."""
    length, frame_type = struct.unpack("<IB", _read_exactly(5))
    return frame_type, _read_exactly(length)


# What was read and not yet used. A whole task mostly comes with one read.
_input = b""


def _read_exactly(length):
    global _input
    parts = [_input]
    missing = length - len(_input)
    while missing > 0:
        part = os.read(INPUT_FD, max(missing, 65536))
        if not part:
            os._exit(0)
        parts.append(part)
        missing -= len(part)
    whole = b"".join(parts)
    _input = whole[length:]
    return whole[:length]


def call_main(module, arguments_json):
    """Runs the module's ``main`` and returns the result as JSON text."""
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
        value = list(islice(value, results["MAX_ITEMS"]))
    return result_frames(value)


def read_arguments(arguments_json):
    try:
        return json.loads(arguments_json)
    except RecursionError:
        raise ValueError("the arguments are nested too deep for Python to read") from None
    except ValueError as error:
        # The manager has looked at them: this is about the digits of a number.
        raise ValueError(f"the arguments cannot be read: {error}") from None


def result_frames(value):
    """The result as the frames that hand it over: with a NOTE before it if something is to be said."""
    text, note = results["result_json"](value)
    whole = frame(RESULT, text)
    return frame(NOTE, note.encode("utf-8", "replace")[:MAX_NOTE_BYTES]) + whole if note else whole


def run_in_loop(value):
    """Runs an asynchronous main, which may be a generator, as asyncio.run() does. The loop's end waits for the executor's threads
    and for tasks that do not let themselves be cancelled, so the result is handed over before."""
    import asyncio

    async def whole():
        if isinstance(value, types.AsyncGeneratorType):
            result = result_frames([item async for item in value])
        else:
            result = result_frames(await value)
        loop = asyncio.get_running_loop()
        if len(asyncio.all_tasks()) > 1 or loop._default_executor:
            announce_return(0, result)
        return result

    return asyncio.run(whole())


def open_source_file():
    """Makes the file of the user's source ahead of the run, which then has only to write it; the
    descriptor stays, as the others of the runner do."""
    fd = os.open(SOURCE_PATH, os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(fd, SOURCE_FD, inheritable=False)
    os.close(fd)


def write_source(source):
    at = 0
    while at < len(source):
        at += os.pwrite(SOURCE_FD, source[at:], at)


def load(source):
    """Executes the user's source as the module ``main``, found in sys.modules by that name."""
    module = types.ModuleType("main")
    module.__file__ = SOURCE_PATH
    module.__builtins__ = __builtins__
    sys.modules["main"] = module
    exec(compile(source, SOURCE_PATH, "exec", dont_inherit=True), module.__dict__)
    return module


def run_script(source):
    """Executes the user's source as the interpreter does with the file that it is started with."""
    module = sys.modules["__main__"]
    module.__file__ = SOURCE_PATH
    exec(compile(source, SOURCE_PATH, "exec", dont_inherit=True), module.__dict__)


def users_part(traceback):
    """The traceback from the user's first line on, without the way there (ours, and asyncio's for an
    asynchronous main); if no line of the user's is in it, from the first that is not ours."""
    frame = traceback
    while frame and frame.tb_frame.f_code.co_filename != SOURCE_PATH:
        frame = frame.tb_next
    if frame:
        return frame
    while traceback and traceback.tb_frame.f_code.co_filename.startswith(GUEST_FOLDER):
        traceback = traceback.tb_next
    return traceback


def cut_our_frames(error):
    """Takes the runner's frames out of an exception and of those that it was raised from."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = users_part(error.__traceback__)
        error = error.__cause__ or error.__context__


def exit_code_of(system_exit):
    """What the interpreter makes of SystemExit (https://docs.python.org/3/library/sys.html#sys.exit)."""
    code = system_exit.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


# ENETUNREACH, ECONNRESET, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH: errno(3).
NETWORK_ERRNOS = (101, 104, 110, 111, 113)
MOST_CAUSES = 16


def came_of_network(error):
    """Whether a connection, or a host's name, that could not be had is this error or led to it."""
    for _ in range(MOST_CAUSES):
        if error is None:
            return False
        if isinstance(error, OSError) and error.errno in NETWORK_ERRNOS:
            return True
        if type(error).__name__ == "gaierror":
            return True
        error = error.__cause__ or error.__context__
    return False


def report_failure(error):
    cut_our_frames(error)
    note = {"name": type(error).__name__, "memory": isinstance(error, MemoryError)}
    try:
        note["network"] = came_of_network(error)
        if isinstance(error, OSError) and isinstance(error.errno, int):
            note["errno"] = error.errno
        send(FAILURE, json.dumps(note).encode())
    except BaseException:
        pass
    if sys.excepthook is not usual_excepthook or getattr(sys, "stderr", None) is None:
        sys.excepthook(type(error), error, error.__traceback__)
        return
    printed = print_error(error)
    try:
        send(ERROR, json.dumps(told_of(error, printed), ensure_ascii=False).encode("utf-8", "replace"))
    except BaseException:
        pass


usual_excepthook = sys.excepthook


def print_error(error):
    """Prints an error as the interpreter does, once: printing it runs code of the program's. Returns the text."""
    parts = []
    stderr = sys.stderr

    class Copy:
        def write(self, text):
            parts.append(text)
            return stderr.write(text)

        def flush(self):
            stderr.flush()

    sys.stderr = Copy()
    try:
        usual_excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stderr = stderr
    return "".join(parts)


def told_of(error, printed):
    """Message, traceback and line of an error: from what was printed, so that no code of the program's runs."""
    lines = printed.splitlines()
    name = type(error).__name__
    message = ""
    for index in range(len(lines) - 1, -1, -1):
        head, _, rest = lines[index].partition(": ")
        if head.rpartition(".")[2] == name:
            message = "\n".join([rest, *lines[index + 1 :]])
            break
    line = None
    step = error.__traceback__
    while step:
        if step.tb_frame.f_code.co_filename == SOURCE_PATH:
            line = step.tb_lineno
        step = step.tb_next
    if isinstance(error, SyntaxError) and error.filename == SOURCE_PATH:
        line = error.lineno
    return {
        "message": message[:MAX_MESSAGE_CHARS],
        "traceback": printed[-MAX_TRACEBACK_CHARS:],
        "line": line,
    }


def finish(code, result=None, is_script=False):
    """Ends the program as the interpreter would, less its tear-down, which takes tens of
    milliseconds with pandas loaded: waits for threads, runs exit handlers, flushes. What takes longer
    than a second of that is cut off by the supervisor: the program has its result."""
    try:
        if is_script:
            # It has ended when its threads have, as any script.
            if "threading" in sys.modules:
                modules.get("threading")._shutdown()
        elif has_leftovers():
            result = announce_return(code, result)
            wait_for_threads()
        elif "threading" in sys.modules:
            modules.get("threading")._shutdown()
        modules.get("atexit")._run_exitfuncs()
    except BaseException:
        pass
    flush_output()
    try:
        report_end(code, result)
        sleep(1)  # The supervisor reports as soon as it has read that, and the sandbox is destroyed.
    except BaseException:
        pass
    os._exit(code)


def flush_output(*_):
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass


def has_leftovers():
    """Whether the program's end may have to wait: for threads, child processes or exit handlers of
    its own. Those that are cheap to run are not counted; nothing here costs a system call."""
    threading = sys.modules.get("threading")
    if threading and threading.active_count() > 1:
        return True
    process = modules.get("multiprocessing.process")
    if process and process._children:
        return True
    return modules.get("atexit")._ncallbacks() > modules.registered_exit_handlers


def announce_return(code, result):
    """Hands over what main returned before anything is waited for."""
    global is_announced
    if not is_announced:
        is_announced = True
        flush_output()
        report_end(code, result, has_ended=False)
    return None


is_announced = False


def wait_for_threads():
    """As the interpreter does at its end, in LEFTOVER_S at most: executors let their idle threads go,
    then all threads that are no daemons are waited for."""
    threading = sys.modules.get("threading")
    if not threading:
        return
    ended = threading.Lock()
    ended.acquire()

    def wait():
        try:
            threading._shutdown()
        except BaseException:
            pass
        ended.release()

    modules.get("_thread").start_new_thread(wait, ())
    ended.acquire(timeout=LEFTOVER_S)


def report_end(code, result, has_ended=True):
    last_word = b""
    if result is not None and len(result) <= MAX_LAST_BYTES:
        last_word = result
    elif result is not None:
        send_bytes(result)
    word = bytes([code])
    if not has_ended:
        word += RETURNED_MARK + struct.pack("<H", len(last_word))
    try:
        os.write(STATUS_FD, word + last_word)
    except OSError:
        # Closed by the program, whose own end then tells the code.
        send_bytes(last_word)
        raise


def run(source, arguments_json, is_script):
    code = 0
    result = None
    try:
        write_source(source)
        if is_script:
            run_script(source)
        else:
            result = call_main(load(source), arguments_json)
    except SystemExit as error:
        code = exit_code_of(error)
    except BaseException as error:
        code = 1
        report_failure(error)
    finish(code, None if is_announced else result, is_script)


def reseed():
    """Fresh randomness from the kernel, in each executor before it is ready: those that are restored
    from one snapshot share their state.

    Every generator that is seeded from the kernel when it is made needs nothing; these were made
    before the snapshot was taken.
    """
    entropy = os.urandom(32 + 48 + 32 + 624 * 4)
    random = modules.get("random")
    if random:
        random.seed(entropy[:32])
    ssl = modules.get("ssl")
    if ssl:
        ssl.RAND_add(entropy[32:80], 48.0)
    process = modules.get("multiprocessing.process")
    if process:
        process.current_process()._config["authkey"] = process.AuthenticationString(entropy[80:112])
    numpy = modules.get("numpy")
    if numpy:
        # Not numpy.random.seed(): that imports numpy, and so would bring it into sight.
        modules.get("numpy.random.mtrand")._rand._bit_generator.state = {
            "bit_generator": "MT19937",
            "state": {"key": numpy.frombuffer(entropy[112:], dtype=numpy.uint32), "pos": 624},
        }
    tempfile = modules.get("tempfile")
    if tempfile:
        tempfile._name_sequence = None
    uuid = modules.get("uuid")
    if uuid:
        uuid._node = uuid._last_timestamp = None


def usual_inspectors():
    with open(GUEST_FOLDER + "/policy.json") as file:
        usual = json.load(file)
    return [inspector({**usual, "mode": mode, "rules": usual[mode]}) for mode in ("strict", "balanced")]


def warm_up(inspectors):
    """The way of a run, walked with a program of our own, so that its memory is present."""
    for inspect in inspectors:
        inspect(_WARM_UP_INSPECTION)
        inspect(_WARM_UP_SOURCE.encode())
    module = types.ModuleType("main")
    exec(compile(_WARM_UP_SOURCE, SOURCE_PATH, "exec", dont_inherit=True), module.__dict__)
    call_main(module, _WARM_UP_ARGUMENTS)
    result_frames({"of": {1}, "nan": [float("nan")], "path": [modules.get("datetime").date.min]})
    write_source(_WARM_UP_SOURCE.encode())
    os.ftruncate(SOURCE_FD, 0)
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


def set_variable(name, value):
    os.environ[name] = value
    if name == "TZ":
        modules.get("time").tzset()


def serve():
    source = arguments_json = b""
    inspect = None
    is_script = False
    send(READY)
    while True:
        frame_type, payload = receive()
        if frame_type == POLICY:
            inspect = inspector(json.loads(payload))
        elif frame_type == PING:
            warm_up([inspect] if inspect else [])
            reseed()
            send(PONG)
        elif frame_type == CODE:
            source = payload
        elif frame_type == ARGUMENTS:
            arguments_json = payload
        elif frame_type == MODE:
            is_script = payload[0] == SCRIPT
        elif frame_type == ENV:
            set_variable(*os.fsdecode(payload).split("=", 1))
        elif frame_type == ARGV:
            sys.argv.append(os.fsdecode(payload))
        elif frame_type == START:
            findings = inspect(source) if inspect else None
            if findings is not None:
                send(REFUSED, findings.encode("utf-8", "replace")[:MAX_REFUSED_BYTES])
                finish(0)
            run(source, arguments_json, is_script)


look_fresh()
# The supervisor's wish for what was printed and is still held back; other programs ignore it.
signal.signal(signal.SIGURG, flush_output)
open_source_file()
warm_up(usual_inspectors())
reseed()
# What is loaded now lives as long as the process: keep the collector from walking (and so, in a
# restored sandbox, paging in) all of it.
gc.collect()
gc.freeze()
serve()
