"""Generated from ``_async_client`` by `npm run generate`: do not edit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Iterator, Dict, List, Optional

import httpx

from . import _wire
from ._sessions import Sessions
from ._decode import decode
from .errors import ExecutorManagerError, error_of_answer
from .types import (
    BatchInput,
    Outcome,
    Run,
    RunState,
    Status,
    StoredFile,
    StoredOutcome,
    Template,
    Templates,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Client:
    """A client for threads. ``url`` and ``key`` are by default EXECUTOR_MANAGER_URL
    and EXECUTOR_MANAGER_API_KEY; ``retries`` says how often a request is sent again when nothing of it has
    begun; ``transport`` is one of httpx."""

    def __init__(
        self,
        url: Optional[str] = None,
        key: Optional[str] = None,
        *,
        retries: int = 3,
        transport: Optional[httpx.BaseTransport] = None,
    ) -> None:
        self._retries = retries
        #: Sandboxes that are kept, with their variables, files and processes.
        self.sessions = Sessions(self)
        self._http = httpx.Client(transport=transport, **_wire.settings(url, key))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def run(self, **run: Unpack[Run]) -> Outcome:
        """Runs a program to its end. A program that fails is an outcome too: see ``status``.

        Raises ExecutorManagerError."""
        answer = self._json(_wire.request_of("POST", "/v1/runs", _wire.run_body(run)))
        return decode(Outcome, answer)

    def stream(self, **run: Unpack[Run]) -> Iterator[_wire.Event]:
        """Runs a program and tells what it does as it does it. Closing the iterator cancels the run.

        Raises ExecutorManagerError."""
        return self._events(_wire.request_of("POST", "/v1/runs", _wire.run_body(run), events=True))

    def _events(self, request: Dict[str, Any], done: type = Outcome) -> Iterator[_wire.Event]:
        response = self._send(request, repeatable=False)
        events = _wire.EventReader(done)
        try:
            for chunk in response.iter_bytes():
                for event in events.read(chunk):
                    yield event
                    if event.event == "done":
                        return
        except httpx.HTTPError as error:
            raise _wire.broken_stream() from error
        finally:
            response.close()
        raise _wire.broken_stream()

    def submit(self, *, idempotency_key: Optional[str] = None, **run: Unpack[Run]) -> RunState:
        """Has a run accepted: it is executed whatever becomes of this client. Its ``id`` is for the methods
        below. The service executes a key's request once; by default the key is new for each call.

        Raises ExecutorManagerError."""
        request = _wire.submit_request(run, idempotency_key)
        return decode(RunState, self._json(request, repeatable=True))

    def get(self, id: str) -> RunState:
        """An accepted run as it is now."""
        return decode(RunState, self._json(_wire.request_of("GET", _wire.run_path(id))))

    def wait(self, id: str) -> StoredOutcome:
        """Waits until an accepted run has ended.

        Raises ExecutorManagerError, also where there is no outcome: ``lost``, ``canceled``."""
        request = _wire.request_of("GET", _wire.run_path(id), more={"prefer": "wait=30"})
        while True:
            outcome = _wire.outcome_of(decode(RunState, self._json(request)))
            if outcome is not None:
                return outcome

    def events(self, id: str, after: str = "0") -> Iterator[_wire.Event]:
        """The events of an accepted run, from its first or behind the one whose id is ``after``. A stream
        that breaks off is gone on with. Leaving the loop does nothing to the run.

        Raises ExecutorManagerError."""
        is_new = True
        while True:
            request = _wire.events_request(id, after)
            response = self._send(request, repeatable=True)
            has_progress, is_new = is_new, False
            reader = _wire.EventReader(StoredOutcome)
            try:
                for chunk in response.iter_bytes():
                    for event in reader.read(chunk):
                        after, has_progress = event.id, True
                        yield event
                        if event.event == "done":
                            return
            except httpx.HTTPError as error:
                if not has_progress:
                    raise _wire.broken_stream() from error
            finally:
                response.close()
            if response.status_code == 204:
                return
            if not has_progress:
                raise _wire.broken_stream()

    def read_file(self, file: StoredFile) -> bytes:
        """The content of a file that an accepted run has left."""
        response = self._read(_wire.request_of("GET", file.url), repeatable=True)
        return response.content

    def cancel(self, id: str) -> Optional[RunState]:
        """Cancels an accepted run and gives what it is then; one that has ended is removed: None. It is not
        sent again when the connection breaks: the second one would remove what the first has canceled.

        Raises ExecutorManagerError."""
        response = self._read(_wire.request_of("DELETE", _wire.run_path(id)), repeatable=False)
        return None if response.status_code == 204 else decode(RunState, _wire.json_of(response))

    def batch(
        self,
        runs: Optional[List[Run]] = None,
        *,
        run: Optional[Run] = None,
        inputs: Optional[List[BatchInput]] = None,
    ) -> _wire.Results:
        """Runs many programs, or one with many inputs; at most 100. Gives a result for each, in order:
        an outcome, or the error why there is none.

        Raises ExecutorManagerError."""
        body = _wire.batch_body(runs, run, inputs)
        return _wire.batch_results(self._json(_wire.request_of("POST", "/v1/batches", body)))

    def templates(self) -> List[Template]:
        """What runs can be made of."""
        answer = self._json(_wire.request_of("GET", "/v1/templates"))
        return decode(Templates, answer).templates

    def status(self) -> Status:
        """How the service is."""
        return decode(Status, self._json(_wire.request_of("GET", "/v1/status")))

    def _json(self, request: Dict[str, Any], repeatable: bool = False) -> Any:
        return _wire.json_of(self._read(request, repeatable or request["method"] == "GET"))

    def _read(self, request: Dict[str, Any], repeatable: bool) -> httpx.Response:
        return self._send(request, repeatable, whole=True)

    def _send(
        self, request: Dict[str, Any], repeatable: bool, whole: bool = False
    ) -> httpx.Response:
        attempt = 0
        while True:
            try:
                return self._send_once(request, whole)
            except ExecutorManagerError as error:
                delay_s = _wire.delay_of(error, attempt, repeatable)
                if delay_s is None or attempt >= self._retries:
                    raise
            attempt += 1
            time.sleep(delay_s)

    def _send_once(self, request: Dict[str, Any], whole: bool) -> httpx.Response:
        """An answer of success; with its body where it is to be whole."""
        try:
            response = self._http.send(self._http.build_request(**request), stream=True)
            if response.is_success and not whole:
                return response
            try:
                response.read()
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _wire.unreachable(error) from error
        if response.is_success:
            return response
        raise error_of_answer(response)
