"""The adapters in the frameworks themselves, against the service of EXECUTOR_MANAGER_URL."""

import asyncio
import unittest

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_ext.tools.code_execution import PythonCodeExecutionTool
from executor_manager import Client
from executor_manager.autogen import ExecutorManagerCodeExecutor
from executor_manager.langchain import RunCode
from executor_manager.llama_index import RunCodeToolSpec
from executor_manager.smolagents import ExecutorManagerExecutor
from smolagents import CodeAgent, tool
from smolagents.models import ChatMessage, Model
from smolagents.utils import AgentError


class LangChain(unittest.TestCase):
    def test_a_tool(self):
        with Client() as client:
            tool = RunCode(client=client)
            self.assertEqual(tool.invoke({"code": "print('x' * 30000, end='')"}).count("x"), 20_000)
            self.assertEqual(tool.invoke({"code": "print(2)"}), "2")
            self.assertEqual(tool.invoke({"code": "echo $((1 + 2))", "language": "bash"}), "3")
        self.assertEqual(asyncio.run(RunCode().ainvoke({"code": "pass"})), "(no output)")


class LlamaIndex(unittest.TestCase):
    def test_a_tool(self):
        (tool,) = RunCodeToolSpec().to_tool_list()
        self.assertEqual(tool.metadata.name, "run_code")
        schema = tool.metadata.get_parameters_dict()
        self.assertEqual(sorted(schema["properties"]), ["code", "language"])
        self.assertEqual(schema["required"], ["code"])
        self.assertIn("sandbox", tool.metadata.description)
        self.assertEqual(tool.call(code="print(6 * 7)").content, "42")
        self.assertIn("ZeroDivisionError", tool.call(code="1 / 0").content)
        answer = asyncio.run(tool.acall(code="console.log(1)", language="nodejs"))
        self.assertEqual(answer.content, "1")


class AutoGen(unittest.TestCase):
    def test_blocks_run_one_after_the_other(self):
        async def main():
            async with ExecutorManagerCodeExecutor() as executor:
                blocks = [
                    CodeBlock("open('a.txt', 'w').write('left')", "python"),
                    CodeBlock("cat a.txt; exit 3", "sh"),
                    CodeBlock("print('never')", "py"),
                ]
                result = await executor.execute_code_blocks(blocks, CancellationToken())
                self.assertEqual((result.exit_code, result.output.split("\n")[0][:4]), (3, "left"))
                self.assertNotIn("never", result.output)
                await executor.restart()
                result = await executor.execute_code_blocks(blocks[1:2], CancellationToken())
                self.assertIn("No such file", result.output)

        asyncio.run(main())

    def test_limits_and_a_canceled_token(self):
        async def main():
            async with ExecutorManagerCodeExecutor(limits={"wall_ms": 500}) as executor:
                loop = [CodeBlock("while True: pass", "python")]
                result = await executor.execute_code_blocks(loop, CancellationToken())
                self.assertEqual(result.exit_code, 124)
                token = CancellationToken()
                waiting = asyncio.ensure_future(executor.execute_code_blocks(loop, token))
                await asyncio.sleep(0.1)
                token.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await waiting

        asyncio.run(main())

    def test_the_tool_of_autogen_runs_with_it(self):
        async def main():
            async with ExecutorManagerCodeExecutor() as executor:
                result = await PythonCodeExecutionTool(executor).run_json(
                    {"code": "print(6 * 7)"}, CancellationToken()
                )
                self.assertEqual((result.success, result.output), (True, "42\n"))

        asyncio.run(main())


class Played(Model):
    """Says what a test wrote, one message after the other, and keeps what it was told."""

    def __init__(self, *codes):
        super().__init__(model_id="played")
        self.codes, self.seen = list(codes), ""

    def generate(self, messages, **_):
        self.seen += str(messages[-1].content)
        text = f"Thought: next.\n<code>\n{self.codes.pop(0)}\n</code>"
        return ChatMessage(role="assistant", content=text)


@tool
def double(number: int) -> int:
    """Doubles a number.

    Args:
        number: The number.
    """
    return 2 * number


class Smolagents(unittest.TestCase):
    def test_an_agent_goes_on_from_step_to_step(self):
        model = Played(
            "import math\nclass Point:\n    def __init__(self, x): self.x = x\ndef area(p): return math.floor(p.x) ** 2",
            "p = Point(3.7)\nopen('notes.txt', 'w').write('kept')\nprint('printed')\narea(p)",
            "1 / 0",
            "assert isinstance(p, Point)\nfinal_answer({'area': area(p), 'notes': open('notes.txt').read(), 'two': double(number)})",
        )
        executor = ExecutorManagerExecutor()
        agent = CodeAgent(tools=[double], model=model, executor=executor, verbosity_level=0)
        answer = agent.run("Work.", additional_args={"number": 21})
        self.assertEqual(answer, {"area": 9, "notes": "kept", "two": 42})
        for seen in ("printed", "code snippet:\\n9", "ZeroDivisionError"):
            self.assertIn(seen, model.seen)
        agent.cleanup()

    def test_what_cannot_be_kept_is_missed_and_nothing_else(self):
        executor = ExecutorManagerExecutor()
        executor("n = 1\nlines = (line for line in 'ab')\njson = {'own': n}")
        self.assertEqual(executor("(n, json)").output, "(1, {'own': 1})")
        with self.assertRaisesRegex(AgentError, "NameError"):
            executor("next(lines)")
        with self.assertRaisesRegex(AgentError, "SyntaxError"):
            executor("n = = 1")
        with self.assertRaisesRegex(AgentError, "time limit"):
            ExecutorManagerExecutor(limits={"wall_ms": 500})("while True: pass")


if __name__ == "__main__":
    unittest.main()
