"""Runs cells as a notebook does: magics, shell commands, await, and rich forms of what is shown.

IPython does the work. It is loaded with the first cell, which takes 0.1 s and 6 MB, so that other programs
pay nothing for it.

Known from outside: ``failures``, ``figures``, ``flush_output``, ``result_json`` and ``send``.
"""

import atexit
import builtins
import os
import subprocess
import sys
import threading

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import print_figure
from traitlets import Type
from traitlets.config import Config

DISPLAY, VALUE = 8, 9
# Of IPython's own files, of which a cell has none.
FOLDER = "/tmp/.ipython"

takes_displays = True
"""Whether there is a program whose displays are taken."""
sending = threading.Lock()
"""Held while something is displayed: frames of several threads must not be mixed."""
_process = os.getpid()


def show(data, frame_type=DISPLAY):
    """Hands over one thing in the forms that it has, by media type."""
    if not data:
        return
    if os.getpid() != _process:
        # Two processes that write frames would mix them.
        print(data.get("text/plain", ""))
        return
    # What was printed before comes before.
    flush_output()
    bundle, _ = result_json(data)
    with sending:
        if takes_displays:
            send(frame_type, bundle)
            return
    # Of a thread that a program has left running.
    print(data.get("text/plain", ""))


class Publisher(DisplayPublisher):
    """Takes what display() shows."""

    def publish(self, data, metadata=None, *args, **kwargs):
        show(data)

    def clear_output(self, wait=False):
        """Nothing: what was shown has been handed over."""


class Hook(DisplayHook):
    """Takes the value of the last expression."""

    def quiet(self):
        try:
            return self.semicolon_at_end_of_expression(self.shell.cell)
        except Exception:
            return False

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        show(format_dict, VALUE)

    def log_output(self, format_dict):
        pass

    def finish_displayhook(self):
        self._is_active = False


class Shell(InteractiveShell):
    """IPython without a terminal, a history on disk, and words of its own about errors."""

    display_pub_class = Type(Publisher)
    displayhook_class = Type(Hook)
    cell = ""
    cell_name = failures.SOURCE_PATH
    _magics_open = 0

    def transform_cell(self, raw_cell):
        """The cell as Python alone, each line where it was: IPython drops empty lines at the begin."""
        lines = raw_cell.splitlines()
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        return "\n" * first + super().transform_cell(raw_cell)

    async def run_code(self, code_obj, result=None, *, async_=False):
        """Runs a part of a cell; who called run_cell() is told of its error. True: there was one."""
        try:
            if async_:
                await eval(code_obj, self.user_global_ns, self.user_ns)
            else:
                exec(code_obj, self.user_global_ns, self.user_ns)
        except BaseException as error:
            if result is not None:
                result.error_in_exec = error
            return True
        return False

    def run_line_magic(self, *args, **kwargs):
        return self._in_magic(super().run_line_magic, args, kwargs)

    def run_cell_magic(self, *args, **kwargs):
        return self._in_magic(super().run_cell_magic, args, kwargs)

    def _in_magic(self, run, args, kwargs):
        self._magics_open += 1
        try:
            return run(*args, **kwargs)
        finally:
            self._magics_open -= 1

    def showtraceback(self, exc_tuple=None, *args, **kwargs):
        # A magic that runs a program tells of its error itself. All others are told when the cell ends.
        if self._magics_open:
            sys.__excepthook__(*(exc_tuple or sys.exc_info()))

    def showsyntaxerror(self, *args, **kwargs):
        self.showtraceback()

    def enable_matplotlib(self, gui=None):
        """Nothing: figures are shown whatever %matplotlib says."""
        return gui, "agg"

    def system(self, command):
        """Runs a shell command, which writes to the streams of the program."""
        command = self.var_expand(command, depth=1)
        flush_output()
        self.user_ns["_exit_code"] = subprocess.call(command, shell=True)


def figure_as_png(figure):
    figures.note_shown(figure)
    return print_figure(figure, "png")


def make_shell():
    """The one shell of this interpreter, in the namespace of ``__main__``."""
    config = Config()
    config.HistoryManager.enabled = False
    module = sys.modules["__main__"]
    module.__file__ = failures.SOURCE_PATH
    shell = Shell.instance(config=config, ipython_dir=FOLDER, user_module=module)
    shell.compile.get_code_name = lambda *_: shell.cell_name
    png = shell.display_formatter.formatters["image/png"]
    png.for_type_by_name("matplotlib.figure", "Figure", figure_as_png)
    # Those of the interpreter, which end the program.
    shell.user_ns.update(exit=builtins.exit, quit=builtins.quit)
    # It would write what nobody reads.
    atexit.unregister(shell.atexit_operations)
    figures.display = display_value
    return shell


def display_value(value, forms=None):
    """Displays a value, in the forms that are given or in those that it has."""
    show(forms or Shell.instance().display_formatter.format(value)[0])


def python_of(source):
    """The source as Python alone, without magics and shell commands."""
    return Shell.instance().transform_cell(source.decode()).encode()


def run_cell(source, name):
    """Runs a cell in the namespace that all cells share.

    ``name`` is the file that its lines belong to. Raises what the cell raises.
    """
    shell = Shell.instance()
    text = source.decode()
    shell.cell, shell.cell_name = text, name
    failures.users_files.add(name)
    failures.current_file = name
    shown = shell.run_cell(text, store_history=True)
    error = shown.error_before_exec or shown.error_in_exec
    try:
        figures.show_open_figures(has_failed=error is not None)
    finally:
        if error is not None:
            raise _without_ipython(error)


def _without_ipython(error):
    """The error as the interpreter tells of it: IPython's own lines are no way to the program's."""
    part = failures.users_part(error.__traceback__)
    if part is None or part.tb_frame.f_code.co_filename not in failures.users_files:
        return error.with_traceback(None)
    if isinstance(error, UsageError):
        part.tb_next = None
    return error


make_shell()
