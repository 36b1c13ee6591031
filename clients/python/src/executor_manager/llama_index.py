"""A tool for LlamaIndex, on Python 3.10 or newer: ``pip install "executor-manager-client[llama-index]"``."""

from contextlib import nullcontext
from typing import Any, Dict, Literal, Optional

from llama_index.core.tools.function_tool import FunctionTool
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from llama_index.core.tools.types import ToolMetadata

from ._async_client import AsyncClient
from ._client import Client
from ._text import DESCRIPTION, text_of


class RunCodeToolSpec(BaseToolSpec):
    """Runs programs in fresh sandboxes: ``RunCodeToolSpec().to_tool_list()`` is for an agent. Without
    clients it takes those of the environment's settings."""

    spec_functions = [("run_code", "arun_code")]

    def __init__(
        self, client: Optional[Client] = None, async_client: Optional[AsyncClient] = None
    ) -> None:
        self.client = client
        self.async_client = async_client

    def run_code(
        self, code: str, language: Literal["python", "nodejs", "bash"] = "python"
    ) -> str:
        """Runs a program and returns what it printed."""
        with nullcontext(self.client) if self.client else Client() as client:
            return text_of(client.run(code=code, language=language))

    async def arun_code(
        self, code: str, language: Literal["python", "nodejs", "bash"] = "python"
    ) -> str:
        """As run_code()."""
        async with nullcontext(self.async_client) if self.async_client else AsyncClient() as client:
            return text_of(await client.run(code=code, language=language))

    def to_tool_list(
        self,
        spec_functions: Any = None,
        func_to_metadata_mapping: Optional[Dict[str, ToolMetadata]] = None,
    ) -> list[FunctionTool]:
        """The tools of an agent, with what a model has to know of them."""
        told = FunctionTool.from_defaults(self.run_code, description=DESCRIPTION).metadata
        mapping = {"run_code": told, **(func_to_metadata_mapping or {})}
        return super().to_tool_list(spec_functions, mapping)
