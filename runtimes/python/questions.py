"""Answers questions about code that clients of notebooks ask: what may follow, what a name is, whether a cell is
whole, what expressions are worth.

Known from outside: ``namespace``, the module in which cells run.
"""

import codeop
import inspect
import json
import re
import sys

MOST_MATCHES = 500
MAX_TEXT = 64 * 1024


def answer(question):
    """The answer to a question, both JSON, in the words of Jupyter's replies."""
    asked = json.loads(question)
    code = asked.get("code", "")
    position = asked.get("position")
    position = len(code) if position is None else max(0, min(position, len(code)))
    about = asked["about"]
    if about == "expressions":
        found = {name: value_of(expression) for name, expression in asked["expressions"]}
    elif about == "complete":
        found = complete(code, position)
    elif about == "inspect":
        found = describe(code, position, asked["detail"])
    else:
        found = is_complete(code)
    return json.dumps(found, default=str).encode("utf-8", "replace")


def shell():
    """IPython's shell; None where it is not installed."""
    core = sys.modules.get("IPython.core.interactiveshell")
    return core.InteractiveShell.instance() if core else None


def complete(code, position):
    own = shell()
    start, matches = position, []
    if own:
        from IPython.core.completer import provisionalcompleter, rectify_completions

        # Its static analysis would take seconds to load.
        own.Completer.use_jedi = False
        with provisionalcompleter():
            found = list(rectify_completions(code, own.Completer.completions(code, position)))
        if found:
            start, position = found[0].start, found[0].end
            matches = [one.text for one in found[:MOST_MATCHES]]
    else:
        import rlcompleter

        word = re.search(r"[\w.]*$", code[:position]).group()
        start = position - len(word)
        completer = rlcompleter.Completer(namespace.__dict__)
        for number in range(MOST_MATCHES if word else 0):
            match = completer.complete(word, number)
            if match is None:
                break
            matches.append(match.rstrip("()"))
    reply = {"matches": matches, "cursor_start": start, "cursor_end": position}
    return {"status": "ok", **reply, "metadata": {}}


def describe(code, position, detail):
    data = {}
    own = shell()
    if own:
        from IPython.utils.tokenutil import token_at_cursor

        name = token_at_cursor(code, position)
        try:
            data = own.object_inspect_mime(name, detail_level=detail) if name else {}
        except KeyError:
            data = {}
        data = {kind: text for kind, text in data.items() if isinstance(text, str)}
    else:
        before = re.search(r"[\w.]*$", code[:position]).group()
        name = before + re.match(r"\w*", code[position:]).group()
        try:
            value = eval(name, namespace.__dict__)
            data = {"text/plain": f"{signature_of(name, value)}\n\n{inspect.getdoc(value) or ''}".strip()}
        except Exception:
            data = {}
    data = {kind: text[:MAX_TEXT] for kind, text in data.items()}
    return {"status": "ok", "found": bool(data), "data": data, "metadata": {}}


def signature_of(name, value):
    try:
        return f"{name}{inspect.signature(value)}"
    except (TypeError, ValueError):
        return f"{name}: {type(value).__name__}"


def is_complete(code):
    own = shell()
    if own:
        status, indent = own.input_transformer_manager.check_complete(code)
        return {"status": status, "indent": " " * (indent or 0)}
    try:
        whole = codeop.compile_command(code, symbol="exec")
    except (SyntaxError, ValueError, OverflowError):
        return {"status": "invalid", "indent": ""}
    return {"status": "complete" if whole else "incomplete", "indent": ""}


def value_of(expression):
    try:
        value = eval(expression, namespace.__dict__)
        text = repr(value)
    except Exception as error:
        told = {"ename": type(error).__name__, "evalue": str(error)[:MAX_TEXT]}
        return {"status": "error", **told, "traceback": []}
    return {"status": "ok", "data": {"text/plain": text[:MAX_TEXT]}, "metadata": {}}
