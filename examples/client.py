"""A client of the executor manager that needs nothing but Python.

    manager = ExecutorManager("http://127.0.0.1:9385")
    answer = manager.run("def main(name):\n    return f'hello {name}'", {"name": "world"})
    answer.result  # 'hello world'
"""

import base64
import json
import os
import urllib.request
from dataclasses import dataclass, field
from typing import Any


class RunFailed(Exception):
    """The program did not come to a good end; `answer` says how it ended."""

    def __init__(self, answer: dict):
        super().__init__(f"{answer['status']} ({answer['exit_code']}): {answer['stderr'].strip()}")
        self.answer = answer


@dataclass
class Answer:
    result: Any
    stdout: str
    time_used_ms: float
    memory_used_kb: int
    artifacts: dict[str, bytes] = field(default_factory=dict)


class ExecutorManager:
    def __init__(self, url: str, api_key: str | None = None, timeout_s: float = 30):
        self._url = url.rstrip("/") + "/run"
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        # More than the longest wait for an executor and the time limit of a run together.
        self._timeout_s = timeout_s

    def run(self, code: str, arguments: dict | None = None, language: str = "python") -> Answer:
        """Runs `code` and returns what its main returned. Raises RunFailed when the program fails,
        urllib.error.HTTPError when the request is at fault."""
        body = {
            "language": language,
            "arguments": arguments or {},
            "code_b64": base64.b64encode(code.encode()).decode(),
        }
        request = urllib.request.Request(self._url, json.dumps(body).encode(), self._headers)
        with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
            answer = json.load(response)
        if answer["status"] != "success":
            raise RunFailed(answer)
        return Answer(
            result=answer["result"]["value"] if answer["result"] else None,
            stdout=answer["stdout"],
            time_used_ms=answer["time_used_ms"],
            memory_used_kb=answer["memory_used_kb"],
            artifacts={a["name"]: base64.b64decode(a["content_b64"]) for a in answer["artifacts"]},
        )


CHART = """
import matplotlib.pyplot as plt

def main(heights):
    plt.bar(range(len(heights)), heights)
    plt.savefig("artifacts/chart.png")
    return max(heights)
"""

if __name__ == "__main__":
    manager = ExecutorManager(
        os.environ.get("EXECUTOR_MANAGER_URL", "http://127.0.0.1:9385"),
        os.environ.get("EXECUTOR_MANAGER_API_KEY"),
    )

    drawn = manager.run(CHART, {"heights": [3, 7, 5]})
    sizes = {name: f"{len(content)} bytes" for name, content in drawn.artifacts.items()}
    print(f"result {drawn.result}, artifacts {sizes}, {drawn.time_used_ms:.0f} ms")

    try:
        manager.run(CHART, {"heights": []})
    except RunFailed as failure:
        print(failure)
