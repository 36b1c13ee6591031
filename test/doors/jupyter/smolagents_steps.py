"""Steps of a smolagents agent in one kernel. Called with the address and a key; prints what came of them."""

import sys

from executor_manager.smolagents import JupyterExecutor
from smolagents import FinalAnswerTool

executor = JupyterExecutor(*sys.argv[1:])
executor.send_variables({"n": 6})
print(executor("x = n\nprint('said')").logs.strip())
print(executor("x * 7").output)
executor.send_tools({"final_answer": FinalAnswerTool()})
told = executor("final_answer('y' * 50_000)")
print(told.is_final_answer, len(told.output))
executor.cleanup()
