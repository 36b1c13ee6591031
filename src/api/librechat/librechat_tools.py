"""The tools of a program that calls tools of its caller, as functions.

The program is run from its beginning each time that answers have come; calls that were answered before return
at once. When it waits for tools and nothing else comes, the calls are printed between two lines with the mark,
each as the index of the tool, a tab and the input as JSON; then the process ends. stdin has the request:

    {"mark": "...", "tools": [{"identifier", "parameters"}],
     "answers": [{"tool": index, "input": "JSON text", "result": any} or {..., "error": "..."}]}
"""

import asyncio
import json
import os
import sys

# Calls of asyncio.gather come in one turn of the loop; those behind a short await come a little later.
_QUIET_SECONDS = 0.05

_request = json.loads(sys.stdin.buffer.read())
_answers = _request["answers"]
_waiting = []
_timer = None
_number = 0


class ToolExecutionError(Exception):
    """A tool has failed."""


def _tell_and_end():
    sys.stdout.flush()
    sys.stderr.flush()
    lines = "".join(f"{tool}\t{text}\n" for tool, text in _waiting)
    mark = _request["mark"]
    sys.stdout.buffer.write(f"\n{mark}\n{lines}{mark}\n".encode())
    sys.stdout.buffer.flush()
    os._exit(0)


def _answer_of(number, tool, text):
    for answer in _answers:
        if answer["tool"] == tool and answer["input"] == text and "used" not in answer:
            break
    else:
        # The input is another one each time, such as the time of day.
        answer = _answers[number] if number < len(_answers) else None
        if answer is None or answer["tool"] != tool or "used" in answer:
            return None
    answer["used"] = True
    return answer


async def _call(tool, given):
    global _number, _timer
    text = json.dumps(given, sort_keys=True, separators=(",", ":"), allow_nan=False)
    answer = _answer_of(_number, tool, text)
    _number += 1
    if answer is None:
        _waiting.append((tool, text))
        loop = asyncio.get_running_loop()
        if _timer is not None:
            _timer.cancel()
        _timer = loop.call_later(_QUIET_SECONDS, _tell_and_end)
        await loop.create_future()
    if "error" in answer:
        raise ToolExecutionError(answer["error"])
    return answer["result"]


def _function(index, identifier, parameters):
    async def tool(*values, **given):
        if len(values) > len(parameters):
            raise TypeError(f"{identifier}() takes keyword arguments: {', '.join(parameters)}")
        given.update(zip(parameters, values))
        return await _call(index, {name: value for name, value in given.items() if value is not None})

    tool.__name__ = tool.__qualname__ = identifier
    return tool


# Programs count on having the two modules.
__all__ = ["ToolExecutionError", "asyncio", "json"]
for _index, _tool in enumerate(_request["tools"]):
    globals()[_tool["identifier"]] = _function(_index, _tool["identifier"], _tool["parameters"])
    __all__.append(_tool["identifier"])
os.unlink(__file__)
