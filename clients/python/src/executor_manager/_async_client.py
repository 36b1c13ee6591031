"""The client for asyncio. ``_client`` is the same for threads: change both together."""

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
    """A client for asyncio, otherwise as Client."""

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
        """As Client.run(). Canceling the task cancels the run."""
        answer = await self._json(_wire.request_of("POST", "/v1/runs", _wire.run_body(run)))
        return decode(Outcome, answer)

    def stream(self, **run: Unpack[Run]) -> AsyncIterator[_wire.Event]:
        """As Client.stream()."""
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
        """As Client.submit()."""
        request = _wire.submit_request(run, idempotency_key)
        return decode(RunState, await self._json(request, repeatable=True))

    async def get(self, id: str) -> RunState:
        """As Client.get()."""
        return decode(RunState, await self._json(_wire.request_of("GET", _wire.run_path(id))))

    async def wait(self, id: str) -> StoredOutcome:
        """As Client.wait()."""
        request = _wire.request_of("GET", _wire.run_path(id), more={"prefer": "wait=30"})
        while True:
            outcome = _wire.outcome_of(decode(RunState, await self._json(request)))
            if outcome is not None:
                return outcome

    async def events(self, id: str, after: str = "0") -> AsyncIterator[_wire.Event]:
        """As Client.events()."""
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
        """As Client.read_file()."""
        return (await self._read(_wire.request_of("GET", file.url), repeatable=True)).content

    async def cancel(self, id: str) -> Optional[RunState]:
        """As Client.cancel()."""
        response = await self._read(_wire.request_of("DELETE", _wire.run_path(id)), repeatable=False)
        return None if response.status_code == 204 else decode(RunState, _wire.json_of(response))

    async def batch(
        self,
        runs: Optional[List[Run]] = None,
        *,
        run: Optional[Run] = None,
        inputs: Optional[List[BatchInput]] = None,
    ) -> _wire.Results:
        """As Client.batch()."""
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
