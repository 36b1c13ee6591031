"""CrewAI's tools for E2B: Python, shell and files."""

from crewai_tools import E2BExecTool, E2BFileTool, E2BPythonTool

python = E2BPythonTool(persistent=True)
print(python.run(code="x = 6")["error"], python.run(code="x * 7")["text"])
print(python.run(code="[1][5]")["error"]["name"])
sandbox = python._persistent_sandbox.sandbox_id
print(E2BExecTool(sandbox_id=sandbox).run(command="echo $((6 * 7))")["stdout"].strip())
files = E2BFileTool(sandbox_id=sandbox)
files.run(action="write", path="/home/user/a.txt", content="text")
print(files.run(action="read", path="/home/user/a.txt")["content"])
