"""Files and commands of sessions for the client for asyncio. `npm run generate` makes ``_session_files``, for
threads, of this file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, AsyncIterator, List, Optional, Union

from . import _wire
from ._decode import decode
from .types import Command as CommandState
from .types import CommandList, CommandOutput, FileEntry, FileList, SignedUrl

if TYPE_CHECKING:
    from ._async_client import AsyncClient


class AsyncSessionFiles:
    """Files of a session, by paths from its home or absolute ones. All methods raise ExecutorManagerError."""

    def __init__(self, client: AsyncClient, path: str) -> None:
        self._client = client
        self._path = path

    async def read(self, path: str) -> bytes:
        """The content of a file."""
        response = await self._client._read(self._request("GET", path), True)
        return response.content

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """The content of a file, as it comes."""
        response = await self._client._send(self._request("GET", path), repeatable=True)
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        finally:
            await response.aclose()

    async def write(self, path: str, content: Union[str, bytes]) -> None:
        """Writes a file, and makes the folders above it."""
        request = self._request("PUT", path)
        await self._client._read(_wire.with_bytes(request, content), True)

    async def remove(self, path: str) -> None:
        """Removes a file, or a folder with all that is in it."""
        await self._client._read(self._request("DELETE", path), False)

    async def list(self, path: str = "", depth: int = 1) -> List[FileEntry]:
        """The entries of a folder, by default of the home."""
        answer = await self._client._json(self._request("GET", path, "?depth=%d" % depth))
        return decode(FileList, answer).entries

    async def stat(self, path: str) -> FileEntry:
        """What is known of one entry."""
        return decode(FileEntry, await self._client._json(self._request("GET", path, "?depth=0")))

    async def make_folder(self, path: str) -> None:
        """Makes a folder, and those above it."""
        await self._post("/folders", {"path": path})

    async def move(self, source: str, target: str) -> None:
        """Moves a file or a folder."""
        await self._post("/moves", {"from": source, "to": target})

    async def watch(self, path: str = "", depth: int = 1) -> AsyncIterator[_wire.Event]:
        """The changes in a folder, by default the home, as they come. ``event`` is ``begun``, ``created``, ``written``,
        ``attributes``, ``removed``, ``moved_away`` or ``overflow``; ``data`` may have ``path``."""
        request = _wire.request_of("GET", _wire.watch_path(self._path, path, depth), events=True)
        response = await self._client._send(request, repeatable=True)
        events = _wire.EventReader(None)
        try:
            async for chunk in response.aiter_bytes():
                for event in events.read(chunk):
                    yield event
        finally:
            await response.aclose()

    async def read_archive(self, path: str = "") -> bytes:
        """A folder as an archive (tar)."""
        url = _wire.archive_path(self._path, path)
        response = await self._client._read(_wire.request_of("GET", url), True)
        return response.content

    async def write_archive(self, archive: bytes, path: str = "") -> None:
        """Unpacks an archive (tar) into a folder, which is made."""
        request = _wire.request_of("PUT", _wire.archive_path(self._path, path))
        await self._client._read(_wire.with_bytes(request, archive), True)

    async def sign(self, path: str, method: str = "GET", ttl_ms: int = 3_600_000) -> SignedUrl:
        """An address, from that of the service, by which anybody may read or write one file for some time."""
        body = {"path": path, "method": method, "ttl_ms": ttl_ms}
        return decode(SignedUrl, _wire.json_of(await self._post("/signed-urls", body)))

    async def sign_port(self, port: int, ttl_ms: int = 3_600_000) -> SignedUrl:
        """An address, from that of the service, by which anybody may reach a server inside for some time."""
        body = {"port": port, "ttl_ms": ttl_ms}
        return decode(SignedUrl, _wire.json_of(await self._post("/signed-urls", body)))

    def _request(self, method: str, path: str, query: str = "") -> Dict[str, Any]:
        return _wire.request_of(method, _wire.file_path(self._path, path) + query)

    async def _post(self, rest: str, body: Dict[str, Any]) -> Any:
        return await self._client._read(_wire.request_of("POST", self._path + rest, body), False)


class AsyncCommands:
    """Commands of a session that go on in the background. All methods raise ExecutorManagerError."""

    def __init__(self, client: AsyncClient, path: str) -> None:
        self._client = client
        self._path = path

    async def start(self, command: str, **options: Any) -> AsyncCommand:
        """Starts a line for bash; ``options`` are members of a CommandRequest."""
        body = {**options, "command": command, "background": True}
        answer = await self._client._json(_wire.request_of("POST", self._path, body))
        return AsyncCommand(self._client, self._path, decode(CommandState, answer))

    async def list(self) -> List[AsyncCommand]:
        """Those that run, and those that have ended within the last hour."""
        answer = await self._client._json(_wire.request_of("GET", self._path))
        return [AsyncCommand(self._client, self._path, state) for state in decode(CommandList, answer).commands]


class AsyncCommand:
    """A command in the background. ``state`` is as it was when this object was made."""

    def __init__(self, client: AsyncClient, path: str, state: CommandState) -> None:
        self._client = client
        self._path = _wire.below(path, state.id)
        self.id = state.id
        self.state = state

    async def refresh(self) -> CommandState:
        """How it is now."""
        return decode(CommandState, await self._client._json(_wire.request_of("GET", self._path)))

    async def output(self, offset: int = 0) -> CommandOutput:
        """What is there of its output, from a byte on."""
        request = _wire.request_of("GET", self._path + "/output?offset=%d" % offset)
        return decode(CommandOutput, await self._client._json(request))

    async def write(self, text: Optional[str] = None, close: bool = False) -> None:
        """Sends to its standard input, and ends that if asked to."""
        await self._post("/stdin", {"text": text or "", "close": close})

    async def signal(self, signal: str = "SIGTERM") -> None:
        """Signals it and its group."""
        await self._post("/signal", {"signal": signal})

    async def delete(self) -> None:
        """Ends it with its group, and forgets it."""
        await self._client._read(_wire.request_of("DELETE", self._path), False)

    async def _post(self, rest: str, body: Dict[str, Any]) -> None:
        await self._client._read(_wire.request_of("POST", self._path + rest, body), False)
