"""LangChain's Deep Agents with a sandbox of E2B: an agent writes a file and runs it; its model is a script."""

from deepagents import create_deep_agent
from e2b import Sandbox
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_e2b import E2BSandbox


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **options):
        return self


def call(name, **arguments):
    return AIMessage(content="", tool_calls=[{"name": name, "args": arguments, "id": name}])


sandbox = Sandbox.create()
try:
    backend = E2BSandbox(sandbox=sandbox)
    model = Scripted(
        messages=iter(
            [
                call("write_file", file_path="/home/user/sum.py", content="print(sum(range(10)))\n"),
                call("edit_file", file_path="/home/user/sum.py", old_string="10", new_string="13"),
                call("execute", command="python3 /home/user/sum.py"),
                AIMessage(content="done"),
            ]
        )
    )
    agent = create_deep_agent(model=model, backend=backend)
    said = agent.invoke({"messages": [{"role": "user", "content": "Sum up to 12."}]})["messages"]
    print(said[-2].content.split()[0], said[-1].content)
    backend.upload_files([("/home/user/up.bin", b"\x00\xff")])
    print(backend.download_files(["/home/user/up.bin"])[0].content)
finally:
    sandbox.kill()
