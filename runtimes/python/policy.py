"""The code policy: tells what is wrong with a program before it runs.

It is advice, not the boundary. A program that wants to get past it can, and is then where every program
is: in the sandbox. The rules come before the run; policy.json beside this file has the usual ones.
"""

from time import monotonic

import _warnings

MAX_FINDINGS = 100
MAX_FINDING_CHARACTERS = 400

NOT_OF_A_WORD = bytes(
    byte if bytes([byte]).isalnum() or byte == ord("_") else ord(" ") for byte in range(256)
)


def inspector(policy, strict, balanced):
    """A function that tells what is wrong with a source (bytes) by this policy.

    ``strict`` and ``balanced`` are the names of the modules of the two modes.
    """
    if policy["mode"] == "strict":
        return lambda source: inspect(source, policy, strict["strict_findings"], policy["rules"], None)
    rules = balanced["Rules"](policy["rules"])
    return lambda source: inspect(source, policy, balanced["balanced_findings"], rules, rules.words)


def inspect(source, policy, find, rules, words):
    """What is wrong with the source, as text with a line for each finding; None if nothing."""
    if words is not None and source.isascii():
        # Most programs hold no word that a finding could begin with: they need not be parsed.
        if words.isdisjoint(source.translate(NOT_OF_A_WORD).decode("ascii").split()):
            return None
    if len(source) > policy["maxSourceBytes"]:
        return f"Line -1: Not inspected: longer than {policy['maxSourceBytes']} bytes"
    # The program is compiled once more when it runs; its warnings belong to that run.
    filters = _warnings.filters[:]
    _warnings.filters[:] = [("ignore", None, Warning, None, 0)]
    _warnings._filters_mutated()
    try:
        findings = find(source, rules, monotonic() + policy["maxMs"] / 1000)
    except TimeoutError:
        findings = [(-1, f"Not inspected: it would take longer than {policy['maxMs']} ms")]
    except Exception as error:
        findings = [(-1, f"Not inspected: {type(error).__name__}")]
    finally:
        _warnings.filters[:] = filters
        _warnings._filters_mutated()
    return as_text(findings) if findings else None


def as_text(findings):
    lines = [f"Line {line}: {what}"[:MAX_FINDING_CHARACTERS] for line, what in findings]
    more = len(lines) - MAX_FINDINGS
    if more > 0:
        lines[MAX_FINDINGS:] = [f"... and {more} more"]
    return "\n".join(lines)
