"""Generated from ``_async_sessions`` by `npm run generate`: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, List

from . import _wire
from ._decode import decode
from ._session_files import Commands, SessionFiles
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

    from ._client import Client
    from .types import ContextRequest, SessionRequest


class Sessions:
    """Makes and finds sessions: sandboxes that are kept. All methods raise ExecutorManagerError."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, **request: Unpack[SessionRequest]) -> Session:
        """Creates a session."""
        answer = self._client._json(_wire.request_of("POST", "/v1/sessions", request))
        return Session(self._client, decode(State, answer))

    def get(self, id: str) -> Session:
        """A session that was created before."""
        answer = self._client._json(_wire.request_of("GET", _wire.session_path(id)))
        return Session(self._client, decode(State, answer))

    def list(self) -> List[Session]:
        """The sessions of this caller."""
        answer = self._client._json(_wire.request_of("GET", "/v1/sessions"))
        return [Session(self._client, state) for state in decode(SessionList, answer).sessions]


class Session:
    """A sandbox that is kept; as a context manager it is deleted at the end. ``state`` is as it was when this
    object was made. All methods raise ExecutorManagerError."""

    def __init__(self, client: Client, state: State) -> None:
        self._client = client
        self._path = _wire.session_path(state.id)
        self.id = state.id
        self.state = state
        self.contexts = Contexts(client, self._path + "/contexts")
        self.commands = Commands(client, self._path + "/commands")
        self.files = SessionFiles(client, self._path)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: Any) -> None:
        self.delete()

    def run(self, code: str, **options: Any) -> SessionOutcome:
        """Runs code with the variables that earlier runs have left; ``options`` are members of a SessionRun. A
        program that fails is an outcome too: see ``status``."""
        body = _wire.run_body({**options, "code": code})
        answer = self._client._json(_wire.request_of("POST", self._path + "/runs", body))
        return decode(SessionOutcome, answer)

    def stream(self, code: str, **options: Any) -> Iterator[_wire.Event]:
        """Runs code and tells what it does as it does it. Closing the iterator interrupts the run."""
        body = _wire.run_body({**options, "code": code})
        request = _wire.request_of("POST", self._path + "/runs", body, events=True)
        return self._client._events(request, SessionOutcome)

    def interrupt(self, context: str) -> bool:
        """Interrupts what runs in a context, as control-C does. Whether something ran."""
        return self.contexts.interrupt(context)

    def cancel(self, run: str) -> None:
        """Interrupts a run by the id that its event ``started`` tells, and ends its context if that does not
        help."""
        self._client._read(_wire.request_of("DELETE", _wire.below(self._path + "/runs", run)), False)

    def command(self, command: str, **options: Any) -> CommandOutcome:
        """Runs a command to its end; ``options`` are members of a CommandRequest."""
        body = {**options, "command": command}
        answer = self._client._json(_wire.request_of("POST", self._path + "/commands", body))
        return decode(CommandOutcome, answer)

    def pause(self) -> State:
        """Writes it to disk now, if nobody uses it; its next use wakes it."""
        return decode(State, self._client._json(_wire.request_of("POST", self._path + "/pause")))

    def delete(self) -> None:
        """Ends it with all that it has."""
        self._client._read(_wire.request_of("DELETE", self._path), False)


class Contexts:
    """The contexts of a session: each has variables of its own."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path

    def create(self, **request: Unpack[ContextRequest]) -> Context:
        """Makes a context; its process is started with its first run."""
        answer = self._client._json(_wire.request_of("POST", self._path, request))
        return decode(Context, answer)

    def list(self) -> List[Context]:
        """All that there are."""
        answer = self._client._json(_wire.request_of("GET", self._path))
        return decode(ContextList, answer).contexts

    def get(self, id: str) -> Context:
        """A context."""
        answer = self._client._json(_wire.request_of("GET", _wire.below(self._path, id)))
        return decode(Context, answer)

    def interrupt(self, id: str) -> bool:
        """Interrupts what runs in it, as control-C does. Whether something ran."""
        path = _wire.below(self._path, id) + "/interrupt"
        answer = self._client._json(_wire.request_of("POST", path))
        return decode(Interrupted, answer).interrupted

    def restart(self, id: str) -> Context:
        """Begins it anew, without variables."""
        path = _wire.below(self._path, id) + "/restart"
        return decode(Context, self._client._json(_wire.request_of("POST", path)))

    def delete(self, id: str) -> None:
        """Ends its process."""
        self._client._read(_wire.request_of("DELETE", _wire.below(self._path, id)), False)
