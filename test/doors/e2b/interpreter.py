"""E2B's code interpreter in Python, for threads or for asyncio: prints a line of JSON for each step."""

import asyncio
import inspect
import json
import sys

from e2b import NotFoundException, TimeoutException
from e2b_code_interpreter import AsyncSandbox, Sandbox

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1.0, 4.0], label='a')\nplt.show()\n'end'"


async def step(value):
    return await value if inspect.isawaitable(value) else value


async def main(kind):
    sandbox = await step(kind.create(envs={"WORD": "of the sandbox"}, timeout=300))

    async def run(code, **options):
        return await step(sandbox.run_code(code, **options))

    def tell(*values):
        print(json.dumps(values), flush=True)

    try:
        seen = []
        execution = await run("print('out')\n6 * 7", on_stdout=lambda message: seen.append(message.line))
        tell(execution.text, seen, execution.execution_count, execution.error)
        error = (await run("1 / 0")).error
        tell(error.name, error.value, "<cell 2>" in error.traceback)
        plot = await run(PLOT)
        tell([result.formats() for result in plot.results], plot.results[0].chart.elements[0].points)
        tell((await run("import pandas\npandas.DataFrame({'a': [1, 2]})")).results[0].data, len(plot.to_json()) > 1000)
        tell((await run("!echo $WORD")).logs.stdout, (await run("%%bash\necho $((6 * 7))")).logs.stdout)
        tell((await run("import os; os.environ['WORD']", envs={"WORD": "of the run"})).text)
        tell(*[(await run(code, language=language)).text for language, code in (("js", "await 6 * 7"), ("ts", "const a: number = 7; a"))])
        tell((await run("cd /tmp; pwd", language="bash")).logs.stdout)
        context = await step(sandbox.create_code_context(cwd="/tmp", language="python"))
        await run("x = 6", context=context)
        tell((await run("import os; x, os.getcwd()", context=context)).text, (await run("x")).error.name)
        await step(sandbox.restart_code_context(context))
        tell((await run("x", context=context)).error.name)
        await step(sandbox.remove_code_context(context))
        tell([one.language for one in await step(sandbox.list_code_contexts())])
        for code, options in (("1", {"language": "r"}), ("1", {"context": context})):
            try:
                await run(code, **options)
            except NotFoundException as refused:
                tell(str(refused))
        try:
            await run("import time; time.sleep(600)", timeout=1)
        except TimeoutException:
            tell((await run("6 * 7")).text)
    finally:
        tell(await step(sandbox.kill()))


asyncio.run(main({"threads": Sandbox, "asyncio": AsyncSandbox}[sys.argv[1]]))
