"""What a program's errors and warnings look like: its own lines, and none of the runner's."""

import json
import sys

SOURCE_PATH = "/workspace/main.py"
current_file = SOURCE_PATH
"""What the lines of the running program belong to."""
users_files = {SOURCE_PATH}
"""The same of all programs that ran in this interpreter."""
GUEST_FOLDER = __file__.rpartition("/")[0]
# ENETUNREACH, ECONNRESET, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH: errno(3).
NETWORK_ERRNOS = (101, 104, 110, 111, 113)
MOST_CAUSES = 16
# Of what was printed of an error, its end; a character takes 6 bytes of JSON at most.
MAX_TRACEBACK_CHARS, MAX_MESSAGE_CHARS = 4000, 1000
# The same of an error that is not printed: some programs hand over a result as the message of an exception.
MAX_TOLD_TRACEBACK_CHARS, MAX_TOLD_MESSAGE_CHARS = 20_000, 150_000


def is_ours(file):
    return file.startswith(GUEST_FOLDER)


def users_part(traceback):
    """The traceback from the user's first line on, without the way there (ours, and asyncio's for an
    asynchronous main); if no line of the user's is in it, from the first that is not ours. Where the program
    calls what the runner put into a library, that is left out too."""
    start = traceback
    while start and start.tb_frame.f_code.co_filename not in users_files:
        start = start.tb_next
    if not start:
        start = traceback
        while start and is_ours(start.tb_frame.f_code.co_filename):
            start = start.tb_next
    here = start
    while here and here.tb_next:
        if is_ours(here.tb_next.tb_frame.f_code.co_filename):
            here.tb_next = here.tb_next.tb_next
        else:
            here = here.tb_next
    return start


def cut_our_frames(error):
    """Takes the runner's frames out of an exception, of those that it was raised from, and of those that it
    is a group of."""
    seen = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = users_part(current.__traceback__)
        waiting += [current.__cause__, current.__context__]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions


def came_of_network(error):
    """Whether a connection, or a host's name, that could not be had is this error or led to it."""
    waiting = [error]
    for _ in range(MOST_CAUSES):
        if not waiting:
            return False
        current = waiting.pop()
        if isinstance(current, OSError) and current.errno in NETWORK_ERRNOS:
            return True
        if type(current).__name__ == "gaierror":
            return True
        cause = current.__cause__ or current.__context__
        waiting += [cause] if cause else []
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions
    return False


def note_of(error):
    """What the manager is told of an error, as JSON bytes."""
    note = {"name": type(error).__name__, "memory": isinstance(error, MemoryError)}
    note["network"] = came_of_network(error)
    if isinstance(error, OSError) and isinstance(error.errno, int):
        note["errno"] = error.errno
    return json.dumps(note).encode()


usual_excepthook = sys.excepthook
prints_errors = True
"""Whether the error that ends a program is printed, or told to the manager alone."""


def print_error(error):
    """Prints an error as the interpreter does, once: printing it runs code of the program's.

    Returns what the manager is told of it, as JSON bytes; None where the program prints errors itself.
    """
    stderr = getattr(sys, "stderr", None)
    if prints_errors and (sys.excepthook is not usual_excepthook or stderr is None):
        sys.excepthook(type(error), error, error.__traceback__)
        return None
    parts = []

    class Copy:
        def write(self, text):
            parts.append(text)
            return stderr.write(text) if prints_errors else len(text)

        def flush(self):
            if prints_errors:
                stderr.flush()

    sys.stderr = Copy()
    try:
        usual_excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stderr = stderr
    told = _told_of(error, "".join(parts))
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


def _told_of(error, printed):
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
        if step.tb_frame.f_code.co_filename == current_file:
            line = step.tb_lineno
        step = step.tb_next
    if isinstance(error, SyntaxError) and error.filename == current_file:
        line = error.lineno
    return {
        "message": message[: MAX_MESSAGE_CHARS if prints_errors else MAX_TOLD_MESSAGE_CHARS],
        "traceback": printed[-(MAX_TRACEBACK_CHARS if prints_errors else MAX_TOLD_TRACEBACK_CHARS) :],
        "line": line,
    }


def exit_code_of(system_exit):
    """What the interpreter makes of SystemExit (https://docs.python.org/3/library/sys.html#sys.exit)."""
    code = system_exit.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def hide_our_frames(warnings, traceback, inspect):
    """Has warnings name the program's lines where they would name the runner's, and has the stack end where
    the program begins."""
    show = warnings._showwarnmsg

    def show_at_users_line(message):
        if is_ours(message.filename):
            line = _users_line() or _line_of_coroutine(message.source)
            if line is None:
                return
            message.filename, message.lineno, message.line = current_file, line, None
        show(message)

    warnings._showwarnmsg = show_at_users_line

    walk = traceback.walk_stack

    def walk_stack(f):
        for frame, line in walk(f or sys._getframe(1).f_back):
            if is_ours(frame.f_code.co_filename):
                return
            yield frame, line

    traceback.walk_stack = walk_stack

    outer = inspect.getouterframes

    def getouterframes(frame, context=1):
        infos = outer(frame, context)
        ours = (at for at, info in enumerate(infos) if is_ours(info.filename))
        return infos[: next(ours, None)]

    inspect.getouterframes = getouterframes


def _users_line():
    """Of the program, the line that runs now; None where none does."""
    frame = sys._getframe(1)
    while frame:
        if frame.f_code.co_filename == current_file:
            return frame.f_lineno
        frame = frame.f_back
    return None


def _line_of_coroutine(source):
    """Where a coroutine that was never awaited is defined; None for anything else."""
    code = getattr(source, "cr_code", None) or getattr(source, "ag_code", None)
    return code.co_firstlineno if code and code.co_filename == current_file else None
