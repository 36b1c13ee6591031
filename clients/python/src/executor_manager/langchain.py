"""A tool for LangChain, on Python 3.10 or newer: ``pip install "executor-manager-client[langchain]"``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Literal, Type

from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field

from ._async_client import AsyncClient
from ._client import Client
from ._text import DESCRIPTION, text_of


class RunCodeInput(BaseModel):
    """What a model says."""

    code: str = Field(description="A whole program that prints what is asked for.")
    language: Literal["python", "nodejs", "bash"] = Field("python", description="Of the program.")


class RunCode(BaseTool):
    """Runs a program in a fresh sandbox; without clients, with those of the environment's settings."""

    name: str = "run_code"
    description: str = DESCRIPTION
    args_schema: Type[BaseModel] = RunCodeInput
    client: Any = None
    async_client: Any = None

    def _run(self, code: str, language: str = "python", **_: Any) -> str:
        with nullcontext(self.client) if self.client else Client() as client:
            return text_of(client.run(code=code, language=language))

    async def _arun(self, code: str, language: str = "python", **_: Any) -> str:
        async with nullcontext(self.async_client) if self.async_client else AsyncClient() as client:
            return text_of(await client.run(code=code, language=language))
