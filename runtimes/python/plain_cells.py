"""Runs cells where there is no IPython: the value of the last expression, display(), await outside of functions.

Known from outside: ``failures``, ``figures``, ``flush_output``, ``result_json`` and ``send``.
"""

import ast
import asyncio
import builtins
import inspect
import linecache
import os
import sys
import threading

DISPLAY, VALUE = 8, 9
FORMS = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "text/latex": "_repr_latex_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "image/jpeg": "_repr_jpeg_",
    "application/json": "_repr_json_",
}
"""Methods by which a value says itself how it looks, as in notebooks."""

takes_displays = True
"""Whether there is a program whose displays are taken."""
sending = threading.Lock()
_process = os.getpid()
_namespace = sys.modules["__main__"].__dict__
_namespace["__file__"] = ""


def forms_of(value):
    forms = {"text/plain": repr(value)}
    bundle = getattr(type(value), "_repr_mimebundle_", None)
    if bundle:
        made = bundle(value)
        forms.update(made[0] if isinstance(made, tuple) else made)
    for media_type, name in FORMS.items():
        method = getattr(type(value), name, None)
        form = method(value) if method else None
        if form is not None:
            forms[media_type] = form
    return forms


def show(data, frame_type=DISPLAY):
    """Hands over one thing in the forms that it has, by media type."""
    flush_output()
    bundle, _ = result_json(data)
    with sending:
        if takes_displays and os.getpid() == _process:
            send(frame_type, bundle)
            return
    print(data.get("text/plain", ""))


def display(*values, raw=False):
    """Show values in the forms that they have."""
    for value in values:
        show(value if raw else forms_of(value))


def display_value(value, forms=None):
    show(forms or forms_of(value))


def run_cell(source, name):
    """Runs a cell in the namespace that all cells share. Raises what the cell raises."""
    text = source.decode()
    failures.users_files.add(name)
    failures.current_file = name
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    error = None
    try:
        tree = ast.parse(text, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        _run(compile(tree, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True))
        if last is not None:
            whole = ast.Expression(last.value)
            value = _run(compile(whole, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True))
            if value is not None and not text.rstrip().endswith(";"):
                _namespace["_"] = value
                show(forms_of(value), VALUE)
    except BaseException as raised:
        error = raised
        raise
    finally:
        figures.show_open_figures(has_failed=error is not None)


def _run(code):
    if code.co_flags & inspect.CO_COROUTINE:
        return _loop().run_until_complete(eval(code, _namespace))
    return eval(code, _namespace)


_made_loop = None


def _loop():
    global _made_loop
    if _made_loop is None or _made_loop.is_closed():
        _made_loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_made_loop)
    return _made_loop


def figure_as_png(figure):
    import io

    figures.note_shown(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def show_figure(value, forms=None):
    if type(value).__module__ == "matplotlib.figure":
        forms = {"text/plain": repr(value), "image/png": figure_as_png(value)}
    display_value(value, forms)


figures.display = show_figure
builtins.display = display
