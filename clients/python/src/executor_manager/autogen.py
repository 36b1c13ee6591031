"""A code executor for AutoGen, on Python 3.10 or newer: ``pip install "executor-manager-client[autogen]"``."""

from __future__ import annotations

import asyncio
from typing import Any, Dict, List, Optional

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult

from ._async_client import AsyncClient
from ._wire import file_bytes

#: Names that models give to languages, and those of the service.
LANGUAGES = {"py": "python", "shell": "bash", "node": "nodejs"}
#: As timeout(1) says it.
TIMED_OUT = 124


class ExecutorManagerCodeExecutor(CodeExecutor):
    """Runs each block in a fresh sandbox. Files that a block leaves are there for the next one, until
    restart(); variables are not. ``run`` is what all runs have, such as ``limits``."""

    def __init__(self, url: Optional[str] = None, key: Optional[str] = None, **run: Any) -> None:
        self._client, self._run = AsyncClient(url, key), run
        self._files: Dict[str, bytes] = {}

    async def execute_code_blocks(
        self, code_blocks: List[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        """Runs them one after the other, up to the first that fails."""
        output = ""
        for block in code_blocks:
            name = block.language.lower() or "python"
            run = {**self._run, "language": LANGUAGES.get(name, name), "files": self._files}
            task = asyncio.ensure_future(self._client.run(code=block.code, **run))
            cancellation_token.link_future(task)
            outcome = await task
            self._files.update({file.path: file_bytes(file) for file in outcome.files})
            output += outcome.stdout + outcome.stderr
            if outcome.status != "succeeded":
                code = TIMED_OUT if outcome.status == "timed_out" else outcome.exit_code or 1
                return CodeResult(code, f"{output}{outcome.detail}\n")
        return CodeResult(0, output)

    async def start(self) -> None:
        """Needs nothing: a service is there already."""

    async def stop(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def restart(self) -> None:
        """Forgets the files."""
        self._files.clear()
