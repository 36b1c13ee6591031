"""The client for asyncio. `npm run generate` makes ``_client``, the client for threads, of this file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, AsyncIterator, Dict, List, Optional

import httpx

from . import _wire
from ._async_sessions import AsyncSessions
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


class AsyncClient:
    """A client for asyncio. Canceling a task cancels its run. ``url`` and ``key`` are by default EXECUTOR_MANAGER_URL
    and EXECUTOR_MANAGER_API_KEY; ``retries`` says how often a request is sent again when nothing of it has
    begun; ``transport`` is one of httpx."""

    def __init__(
        self,
        url: Optional[str] = None,
        key: Optional[str] = None,
        *,
        retries: int = 3,
        transport: Optional[httpx.AsyncBaseTransport] = None,
    ) -> None:
        self._retries = retries
        #: Sandboxes that are kept, with their variables, files and processes.
        self.sessions = AsyncSessions(self)
        self._http = httpx.AsyncClient(transport=transport, **_wire.settings(url, key))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def run(self, **run: Unpack[Run]) -> Outcome:
        """Runs a program to its end. A program that fails is an outcome too: see ``status``.

        Raises ExecutorManagerError."""
        answer = await self._json(_wire.request_of("POST", "/v1/runs", _wire.run_body(run)))
        return decode(Outcome, answer)

    def stream(self, **run: Unpack[Run]) -> AsyncIterator[_wire.Event]:
        """Runs a program and tells what it does as it does it. Closing the iterator cancels the run.

        Raises ExecutorManagerError."""
        return self._events(_wire.request_of("POST", "/v1/runs", _wire.run_body(run), events=True))

    async def _events(self, request: Dict[str, Any], done: type = Outcome) -> AsyncIterator[_wire.Event]:
        response = await self._send(request, repeatable=False)
        events = _wire.EventReader(done)
        try:
            async for chunk in response.aiter_bytes():
                for event in events.read(chunk):
                    yield event
                    if event.event == "done":
                        return
        except httpx.HTTPError as error:
            raise _wire.broken_stream() from error
        finally:
            await response.aclose()
        raise _wire.broken_stream()

    async def submit(self, *, idempotency_key: Optional[str] = None, **run: Unpack[Run]) -> RunState:
        """Has a run accepted: it is executed whatever becomes of this client. Its ``id`` is for the methods
        below. The service executes a key's request once; by default the key is new for each call.

        Raises ExecutorManagerError."""
        request = _wire.submit_request(run, idempotency_key)
        return decode(RunState, await self._json(request, repeatable=True))

    async def get(self, id: str) -> RunState:
        """An accepted run as it is now."""
        return decode(RunState, await self._json(_wire.request_of("GET", _wire.run_path(id))))

    async def wait(self, id: str) -> StoredOutcome:
        """Waits until an accepted run has ended.

        Raises ExecutorManagerError, also where there is no outcome: ``lost``, ``canceled``."""
        request = _wire.request_of("GET", _wire.run_path(id), more={"prefer": "wait=30"})
        while True:
            outcome = _wire.outcome_of(decode(RunState, await self._json(request)))
            if outcome is not None:
                return outcome

    async def events(self, id: str, after: str = "0") -> AsyncIterator[_wire.Event]:
        """The events of an accepted run, from its first or behind the one whose id is ``after``. A stream
        that breaks off is gone on with. Leaving the loop does nothing to the run.

        Raises ExecutorManagerError."""
        is_new = True
        while True:
            request = _wire.events_request(id, after)
            response = await self._send(request, repeatable=True)
            has_progress, is_new = is_new, False
            reader = _wire.EventReader(StoredOutcome)
            try:
                async for chunk in response.aiter_bytes():
                    for event in reader.read(chunk):
                        after, has_progress = event.id, True
                        yield event
                        if event.event == "done":
                            return
            except httpx.HTTPError as error:
                if not has_progress:
                    raise _wire.broken_stream() from error
            finally:
                await response.aclose()
            if response.status_code == 204:
                return
            if not has_progress:
                raise _wire.broken_stream()

    async def read_file(self, file: StoredFile) -> bytes:
        """The content of a file that an accepted run has left."""
        response = await self._read(_wire.request_of("GET", file.url), repeatable=True)
        return response.content

    async def cancel(self, id: str) -> Optional[RunState]:
        """Cancels an accepted run and gives what it is then; one that has ended is removed: None. It is not
        sent again when the connection breaks: the second one would remove what the first has canceled.

        Raises ExecutorManagerError."""
        response = await self._read(_wire.request_of("DELETE", _wire.run_path(id)), repeatable=False)
        return None if response.status_code == 204 else decode(RunState, _wire.json_of(response))

    async def batch(
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
        return _wire.batch_results(await self._json(_wire.request_of("POST", "/v1/batches", body)))

    async def templates(self) -> List[Template]:
        """What runs can be made of."""
        answer = await self._json(_wire.request_of("GET", "/v1/templates"))
        return decode(Templates, answer).templates

    async def status(self) -> Status:
        """How the service is."""
        return decode(Status, await self._json(_wire.request_of("GET", "/v1/status")))

    async def _json(self, request: Dict[str, Any], repeatable: bool = False) -> Any:
        return _wire.json_of(await self._read(request, repeatable or request["method"] == "GET"))

    async def _read(self, request: Dict[str, Any], repeatable: bool) -> httpx.Response:
        return await self._send(request, repeatable, whole=True)

    async def _send(
        self, request: Dict[str, Any], repeatable: bool, whole: bool = False
    ) -> httpx.Response:
        attempt = 0
        while True:
            try:
                return await self._send_once(request, whole)
            except ExecutorManagerError as error:
                delay_s = _wire.delay_of(error, attempt, repeatable)
                if delay_s is None or attempt >= self._retries:
                    raise
            attempt += 1
            await asyncio.sleep(delay_s)

    async def _send_once(self, request: Dict[str, Any], whole: bool) -> httpx.Response:
        """An answer of success; with its body where it is to be whole."""
        try:
            response = await self._http.send(self._http.build_request(**request), stream=True)
            if response.is_success and not whole:
                return response
            try:
                await response.aread()
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise _wire.unreachable(error) from error
        if response.is_success:
            return response
        raise error_of_answer(response)
