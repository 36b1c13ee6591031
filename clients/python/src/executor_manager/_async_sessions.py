"""Sessions for the client for asyncio. `npm run generate` makes ``_sessions``, for threads, of this file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, List

from . import _wire
from ._decode import decode
from ._async_session_files import AsyncCommands, AsyncSessionFiles
from .types import (
    CommandOutcome,
    Context,
    ContextList,
    Interrupted,
    SessionList,
    SessionOutcome,
)
from .types import Session as State

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._async_client import AsyncClient
    from .types import ContextRequest, SessionRequest


class AsyncSessions:
    """Makes and finds sessions: sandboxes that are kept. All methods raise ExecutorManagerError."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(self, **request: Unpack[SessionRequest]) -> AsyncSession:
        """Creates a session."""
        answer = await self._client._json(_wire.request_of("POST", "/v1/sessions", request))
        return AsyncSession(self._client, decode(State, answer))

    async def get(self, id: str) -> AsyncSession:
        """A session that was created before."""
        answer = await self._client._json(_wire.request_of("GET", _wire.session_path(id)))
        return AsyncSession(self._client, decode(State, answer))

    async def list(self) -> List[AsyncSession]:
        """The sessions of this caller."""
        answer = await self._client._json(_wire.request_of("GET", "/v1/sessions"))
        return [AsyncSession(self._client, state) for state in decode(SessionList, answer).sessions]


class AsyncSession:
    """A sandbox that is kept; as a context manager it is deleted at the end. ``state`` is as it was when this
    object was made. All methods raise ExecutorManagerError."""

    def __init__(self, client: AsyncClient, state: State) -> None:
        self._client = client
        self._path = _wire.session_path(state.id)
        self.id = state.id
        self.state = state
        self.contexts = AsyncContexts(client, self._path + "/contexts")
        self.commands = AsyncCommands(client, self._path + "/commands")
        self.files = AsyncSessionFiles(client, self._path)

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.delete()

    async def run(self, code: str, **options: Any) -> SessionOutcome:
        """Runs code with the variables that earlier runs have left; ``options`` are members of a SessionRun. A
        program that fails is an outcome too: see ``status``."""
        body = _wire.run_body({**options, "code": code})
        answer = await self._client._json(_wire.request_of("POST", self._path + "/runs", body))
        return decode(SessionOutcome, answer)

    def stream(self, code: str, **options: Any) -> AsyncIterator[_wire.Event]:
        """Runs code and tells what it does as it does it. Closing the iterator interrupts the run."""
        body = _wire.run_body({**options, "code": code})
        request = _wire.request_of("POST", self._path + "/runs", body, events=True)
        return self._client._events(request, SessionOutcome)

    async def interrupt(self, context: str) -> bool:
        """Interrupts what runs in a context, as control-C does. Whether something ran."""
        return await self.contexts.interrupt(context)

    async def cancel(self, run: str) -> None:
        """Interrupts a run by the id that its event ``started`` tells, and ends its context if that does not
        help."""
        await self._client._read(_wire.request_of("DELETE", _wire.below(self._path + "/runs", run)), False)

    async def command(self, command: str, **options: Any) -> CommandOutcome:
        """Runs a command to its end; ``options`` are members of a CommandRequest."""
        body = {**options, "command": command}
        answer = await self._client._json(_wire.request_of("POST", self._path + "/commands", body))
        return decode(CommandOutcome, answer)

    async def pause(self) -> State:
        """Writes it to disk now, if nobody uses it; its next use wakes it."""
        return decode(State, await self._client._json(_wire.request_of("POST", self._path + "/pause")))

    async def delete(self) -> None:
        """Ends it with all that it has."""
        await self._client._read(_wire.request_of("DELETE", self._path), False)


class AsyncContexts:
    """The contexts of a session: each has variables of its own."""

    def __init__(self, client: AsyncClient, path: str) -> None:
        self._client = client
        self._path = path

    async def create(self, **request: Unpack[ContextRequest]) -> Context:
        """Makes a context; its process is started with its first run."""
        answer = await self._client._json(_wire.request_of("POST", self._path, request))
        return decode(Context, answer)

    async def list(self) -> List[Context]:
        """All that there are."""
        answer = await self._client._json(_wire.request_of("GET", self._path))
        return decode(ContextList, answer).contexts

    async def get(self, id: str) -> Context:
        """A context."""
        answer = await self._client._json(_wire.request_of("GET", _wire.below(self._path, id)))
        return decode(Context, answer)

    async def interrupt(self, id: str) -> bool:
        """Interrupts what runs in it, as control-C does. Whether something ran."""
        path = _wire.below(self._path, id) + "/interrupt"
        answer = await self._client._json(_wire.request_of("POST", path))
        return decode(Interrupted, answer).interrupted

    async def restart(self, id: str) -> Context:
        """Begins it anew, without variables."""
        path = _wire.below(self._path, id) + "/restart"
        return decode(Context, await self._client._json(_wire.request_of("POST", path)))

    async def delete(self, id: str) -> None:
        """Ends its process."""
        await self._client._read(_wire.request_of("DELETE", _wire.below(self._path, id)), False)
