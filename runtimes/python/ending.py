"""How a program ends: what it left running is waited for, and its result is handed over.

Known from outside: ``modules``, the hidden ones, and ``send_bytes``.
"""

import os
import struct
import sys
from time import sleep

STATUS_FD = 200
ENDED = 10
# On STATUS_FD, behind the exit code: the program has its result and gets a second to end.
RETURNED_MARK = b"RTRN"
# Up to here a result's frames go out in one write with the status (PIPE_BUF, pipe(7)).
MAX_LAST_BYTES = 4096 - 7
# Of the second that the supervisor gives, so that exit handlers still run and output is flushed.
LEFTOVER_S = 0.8

is_announced = False


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


def hand_back(code, result):
    """Tells that a program has ended after which others come. Not all who hear it have a supervisor that reads
    STATUS_FD."""
    flush_output()
    send_bytes((result or b"") + struct.pack("<IBB", 1, ENDED, code))
    try:
        os.write(STATUS_FD, bytes([code]))
    except OSError:
        pass


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
