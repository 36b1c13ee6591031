"""What the client for threads and the one for asyncio have in common: everything but the waiting."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import random
import uuid
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union
from urllib.parse import quote

import httpx

from ._decode import decode
from .errors import ExecutorManagerError, error_of
from .types import (
    BatchInput,
    EventDisplay,
    EventStarted,
    EventStderr,
    EventStdout,
    Outcome,
    OutputFile,
    Run,
    RunState,
    SessionOutcome,
    StoredOutcome,
)

FIRST_DELAY_S = 0.25
MAX_DELAY_S = 8.0
#: A service that asks for more than this is not waited for.
MAX_RETRY_AFTER_S = 60.0
#: With these the service says that it has not begun.
NOT_BEGUN = ("rate-limited", "too-much-held", "no-executor", "shutting-down")
#: The connection was not made, so nothing was sent.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
#: A run takes as long as it takes: the service limits it.
TIMEOUT = httpx.Timeout(None, connect=10.0)

EventData = Union[EventStarted, EventStdout, EventStderr, EventDisplay, Outcome, StoredOutcome, SessionOutcome]
_EVENTS = {
    "started": EventStarted,
    "stdout": EventStdout,
    "stderr": EventStderr,
    "display": EventDisplay,
    "done": Outcome,
}


@dataclass(frozen=True)
class Event:
    """An event of a run. The last one is ``done``."""

    event: str
    data: EventData
    id: str


def settings(url: Optional[str], key: Optional[str]) -> Dict[str, Any]:
    """The options of the httpx client."""
    base = url or os.environ.get("EXECUTOR_MANAGER_URL") or "http://127.0.0.1:9385"
    key = key or os.environ.get("EXECUTOR_MANAGER_API_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return {"base_url": base, "headers": headers, "timeout": TIMEOUT}


def request_of(
    method: str,
    path: str,
    body: Any = None,
    events: bool = False,
    more: Optional[Dict[str, str]] = None,
) -> Dict[str, Any]:
    """The arguments of httpx's request."""
    headers: Dict[str, str] = dict(more or {})
    if events:
        headers["accept"] = "text/event-stream"
    if body is None:
        return {"method": method, "url": path, "headers": headers}
    headers["content-type"] = "application/json"
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return {"method": method, "url": path, "headers": headers, "content": content}


def run_body(run: Mapping[str, Any]) -> Dict[str, Any]:
    """A run in the words of the wire: files may be a mapping of paths to text or bytes."""
    files = run.get("files")
    body = {name: value for name, value in run.items() if value is not None}
    if isinstance(files, Mapping):
        body["files"] = [_input_file(path, content) for path, content in files.items()]
    return body


def _input_file(path: str, content: Union[str, bytes]) -> Dict[str, str]:
    if isinstance(content, str):
        return {"path": path, "content": content}
    return {"path": path, "content_base64": base64.b64encode(content).decode()}


def run_path(id: str) -> str:
    """Where an accepted run is."""
    return "/v1/runs/" + quote(id, safe="")


def session_path(id: str) -> str:
    """Where a session is."""
    return below("/v1/sessions", id)


def file_path(session: str, path: str) -> str:
    """Where a file of a session is; empty: its home."""
    return session + "/files" + ("/" + quote(path) if path else "")


def archive_path(session: str, path: str) -> str:
    """Where a folder of a session is as an archive."""
    return session + "/archive?path=" + quote(path, safe="")


def watch_path(session: str, path: str, depth: int) -> str:
    """Where the changes in a folder of a session are told."""
    return session + "/watch?path=%s&depth=%d" % (quote(path, safe=""), depth)


def with_bytes(request: Dict[str, Any], content: Union[str, bytes]) -> Dict[str, Any]:
    """A request whose body is the content of a file."""
    raw = content.encode() if isinstance(content, str) else content
    headers = {**request["headers"], "content-type": "application/octet-stream"}
    return {**request, "headers": headers, "content": raw}


def below(path: str, id: str) -> str:
    """The path of what has an id below another."""
    return path + "/" + quote(id, safe="")


def events_request(id: str, after: str) -> Dict[str, Any]:
    """The request for the events of an accepted run behind one."""
    return request_of("GET", run_path(id) + "/events", more={"last-event-id": after})


def submit_request(run: Mapping[str, Any], key: Optional[str]) -> Dict[str, Any]:
    """The request that has a run accepted; sent twice it does no more than once."""
    more = {"prefer": "respond-async", "idempotency-key": key or uuid.uuid4().hex}
    return request_of("POST", "/v1/runs", run_body(run), more=more)


def outcome_of(run: RunState) -> Optional[StoredOutcome]:
    """The outcome of a run that has ended; None while it has not. Raises where there will be none."""
    if run.problem is not None:
        raise error_of(dataclasses.asdict(run.problem))
    return run.outcome


#: For each run of a batch its outcome, or the error why there is none.
Results = List[Union[Outcome, ExecutorManagerError]]


def batch_body(
    runs: Optional[List[Run]], run: Optional[Run], inputs: Optional[List[BatchInput]]
) -> Dict[str, Any]:
    """The body of a batch: many runs, or one with many inputs."""
    if runs is not None:
        return {"runs": [run_body(one) for one in runs]}
    return {"run": run_body(run or {}), "inputs": inputs or []}


def batch_results(answer: Any) -> Results:
    """The results of a batch, in order."""
    return [
        error_of(result["problem"]) if "problem" in result else decode(Outcome, result)
        for result in answer["results"]
    ]


def delay_of(error: ExecutorManagerError, attempt: int, repeatable: bool) -> Optional[float]:
    """Seconds to wait before it is sent again; None where it must not be."""
    unreachable = error.type == "unreachable"
    undone = error.type in NOT_BEGUN or (unreachable and isinstance(error.__cause__, NOT_SENT))
    can_help = unreachable or error.status == 429 or (error.status or 0) >= 502
    if not undone and not (repeatable and can_help):
        return None
    asked = error.retry_after_s or 0.0
    if asked > MAX_RETRY_AFTER_S:
        return None
    # Spread, so that callers that were refused together do not come back together.
    own = min(MAX_DELAY_S, FIRST_DELAY_S * float(2**attempt)) * (0.5 + random.random() / 2)
    return max(own, asked)


def unreachable(error: httpx.HTTPError) -> ExecutorManagerError:
    """The error of a connection; raise it from the one of httpx."""
    said = str(error) or type(error).__name__
    return ExecutorManagerError("unreachable", f"the service does not answer: {said}")


def json_of(response: httpx.Response) -> Any:
    """The JSON of an answer of success."""
    try:
        return response.json()
    except ValueError as error:
        message = "the answer is not JSON: is this an executor manager?"
        raise ExecutorManagerError("bad-answer", message) from error


def broken_stream() -> ExecutorManagerError:
    """The events ended without the last one."""
    return ExecutorManagerError("broken-stream", "the events broke off before the run had ended")


class EventReader:
    """Reads a stream of events (https://html.spec.whatwg.org/#event-stream-interpretation). Lines end with
    line feeds only: httpx would also break them at characters such as U+2028, which JSON may contain. ``done`` None: of other streams, whose data stay as JSON has them."""

    def __init__(self, done: Optional[type] = Outcome) -> None:
        self._done = done
        self._rest: List[bytes] = []
        self._fields: Dict[str, str] = {}
        self._data: List[str] = []

    def read(self, chunk: bytes) -> Iterator[Event]:
        """Gives the events that a chunk ends. Raises the error that an event tells."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            whole = b"".join([*self._rest, line])
            self._rest = []
            yield from self._take(whole.decode(errors="replace").rstrip("\r"))
        self._rest.append(rest)

    def _take(self, line: str) -> Iterator[Event]:
        if line:
            name, value = _field(line)
            if name == "data":
                self._data.append(value)
            elif name:
                self._fields[name] = value
            return
        data, self._data = self._data, []
        event = self._fields.pop("event", "message")
        if data:
            told = json.loads("\n".join(data))
            found = _event(event, told, self._fields.get("id", ""), self._done)
            if found:
                yield found


def _field(line: str) -> Tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value[1:] if value.startswith(" ") else value


def _event(event: str, data: Any, id: str, done: Optional[type]) -> Optional[Event]:
    if event == "error":
        raise error_of(data)
    if done is None:
        return Event(event, data, id)
    cls: Any = done if event == "done" else _EVENTS.get(event)
    return Event(event, decode(cls, data), id) if cls else None


def file_bytes(file: OutputFile) -> bytes:
    """The content of a file that a program left."""
    return base64.b64decode(file.content_base64)


def file_text(file: OutputFile) -> str:
    """The content of a file that a program left, as UTF-8 text."""
    return file_bytes(file).decode()
