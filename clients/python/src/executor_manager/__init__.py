"""A client of the native API of an executor manager."""

from ._async_client import AsyncClient
from ._async_sessions import AsyncSession
from ._client import Client
from ._sessions import Session
from ._wire import Event, file_bytes, file_text
from .errors import ExecutorManagerError
from .types import (
    BatchInput,
    InputFile,
    Limits,
    Outcome,
    OutputFile,
    Run,
    RunError,
    RunState,
    SessionOutcome,
    Status,
    StoredFile,
    StoredOutcome,
    Template,
)

__all__ = [
    "AsyncClient",
    "AsyncSession",
    "BatchInput",
    "Client",
    "Event",
    "ExecutorManagerError",
    "InputFile",
    "Limits",
    "Outcome",
    "OutputFile",
    "Run",
    "RunError",
    "RunState",
    "Session",
    "SessionOutcome",
    "Status",
    "StoredFile",
    "StoredOutcome",
    "Template",
    "file_bytes",
    "file_text",
]
