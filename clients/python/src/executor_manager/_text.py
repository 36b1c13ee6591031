"""An outcome as a model reads it, and code that a model wrote."""

from __future__ import annotations

import ast

from .types import Outcome

#: A model reads all of it: what is longer is cut in the middle.
MAX_CHARACTERS = 20_000

#: What a model is told of a tool that runs programs.
DESCRIPTION = (
    "Runs a program in a sandbox without network and returns what it prints. Each call starts"
    " anew: no variables and no files are left of the calls before."
)


def text_of(outcome: Outcome) -> str:
    """What a program wrote to stdout and stderr; and how it ended, where it did not end well."""
    parts = [_cut(outcome.stdout), _cut(outcome.stderr)]
    if outcome.status != "succeeded":
        parts.append(outcome.detail)
    return "\n".join(part.rstrip("\n") for part in parts if part) or "(no output)"


def _cut(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def keep_last_value(code: str) -> str:
    """Python code that puts the value of its last expression into ``_agent_value``."""
    try:
        last = ast.parse(code).body[-1:]
    except SyntaxError:
        return code  # The sandbox says what is wrong.
    if not last or not isinstance(last[0], ast.Expr):
        return code
    lines = code.replace("\r\n", "\n").encode().split(b"\n")
    line, at = lines[last[0].lineno - 1], last[0].col_offset
    lines[last[0].lineno - 1] = line[:at] + b"_agent_value = " + line[at:]
    return b"\n".join(lines).decode()
