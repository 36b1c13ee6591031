"""An executor for the CodeAgent of smolagents, on Python 3.10 or newer:
``pip install "executor-manager-client[smolagents]"``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import requests
from smolagents.local_python_executor import CodeOutput
from smolagents.monitoring import AgentLogger, LogLevel
from smolagents.remote_executors import DockerExecutor, RemotePythonExecutor, _create_kernel_http
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


class JupyterExecutor(DockerExecutor):
    """Runs the steps of an agent in one kernel, whose variables stay: ``CodeAgent(..., executor=JupyterExecutor())``.

    It speaks to the service's door for Jupyter as smolagents' own executor does to a container, and needs its
    ``websocket-client``. ``options`` are those of smolagents' remote executors, such as ``allow_pickle``."""

    def __init__(
        self,
        url: Optional[str] = None,
        api_key: Optional[str] = None,
        additional_imports: Sequence[str] = (),
        logger: Optional[AgentLogger] = None,
        **options: Any,
    ) -> None:
        logger = logger or AgentLogger(level=LogLevel.ERROR)
        RemotePythonExecutor.__init__(self, list(additional_imports), logger, **options)
        url = url or os.environ.get("EXECUTOR_MANAGER_URL", "http://127.0.0.1:9385")
        key = api_key or os.environ.get("EXECUTOR_MANAGER_API_KEY", "")
        kernels, query = f"{url.rstrip('/')}/api/kernels", f"?token={key}" if key else ""
        self.kernel_id = _create_kernel_http(f"{kernels}{query}", self.logger)
        self._kernel = f"{kernels}/{self.kernel_id}"
        self.ws_url = f"ws{self._kernel[4:]}/channels{query}"
        self._key = {"X-API-Key": key} if key else {}
        self.installed_packages = self.install_packages(list(additional_imports))

    def cleanup(self) -> None:
        """Ends the kernel."""
        requests.delete(self._kernel, headers=self._key, timeout=60)
