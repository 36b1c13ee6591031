"""A client of the native API of an executor manager."""

from ._async_client import AsyncClient
from ._client import Client
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
    Status,
    StoredFile,
    StoredOutcome,
    Template,
)

__all__ = [
    "AsyncClient",
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
    "Status",
    "StoredFile",
    "StoredOutcome",
    "Template",
    "file_bytes",
    "file_text",
]
