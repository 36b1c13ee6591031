"""An executor for the CodeAgent of smolagents, on Python 3.10 or newer:
``pip install "executor-manager-client[smolagents]"``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

from smolagents.local_python_executor import CodeOutput
from smolagents.monitoring import AgentLogger, LogLevel
from smolagents.remote_executors import RemotePythonExecutor
from smolagents.utils import AgentError

from ._client import Client
from ._text import keep_last_value
from ._wire import file_bytes

#: What the program of a step imports in the sandbox.
STEP = Path(__file__).with_name("_smolagents_step.py").read_bytes()


class ExecutorManagerExecutor(RemotePythonExecutor):
    """Runs each step of an agent in a fresh sandbox: ``CodeAgent(..., executor=ExecutorManagerExecutor())``.

    What a step leaves goes to the next one: definitions, files, and variables that can be pickled. They are
    unpickled in sandboxes alone. Packages are those of the template: none is installed. ``run`` is what all
    runs have, such as ``limits`` and ``template``."""

    def __init__(
        self, client: Optional[Client] = None, logger: Optional[AgentLogger] = None, **run: Any
    ) -> None:
        super().__init__([], logger or AgentLogger(level=LogLevel.ERROR))
        self._client, self._run = client or Client(), {"language": "python", **run}
        self._files: Dict[str, bytes] = {}

    def run_code_raise_errors(self, code: str) -> CodeOutput:
        """Runs one step. Raises AgentError with what a model can learn from."""
        files = {**self._files, "_agent/step.py": STEP}
        code = f"import _agent.step\n{keep_last_value(code)}"
        outcome = self._client.run(code=code, files=files, **self._run)
        self._files.update({file.path: file_bytes(file) for file in outcome.files})
        told = json.loads(self._files.pop("_agent/told.json", b"{}"))
        if "answer" in told:
            answer = self._deserialize_final_answer(told["answer"])
            return CodeOutput(output=answer, logs=outcome.stdout, is_final_answer=True)
        if outcome.status != "succeeded":
            said = f"{outcome.stdout}\n{outcome.stderr}\n{outcome.detail}"
            raise AgentError(said, self.logger)
        return CodeOutput(output=told.get("output"), logs=outcome.stdout, is_final_answer=False)

    def install_packages(self, additional_imports: List[str]) -> List[str]:
        """Installs nothing: a package that the template lacks fails where it is imported."""
        return additional_imports

    def cleanup(self) -> None:
        """Forgets what the steps left."""
        self._files.clear()
