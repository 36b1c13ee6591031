"""AutoGen's executor over Jupyter, told where a server is. Called with its port and token; prints what came of cells."""

import asyncio
import json
import sys
import tempfile

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_ext.code_executors.docker_jupyter import DockerJupyterCodeExecutor
from autogen_ext.code_executors.docker_jupyter._jupyter_server import JupyterConnectionInfo

CELLS = ["x = 6", "print(x * 7)", "1 / 0", "import matplotlib.pyplot as p\np.plot([1, 2]); p.show()"]


async def main(port, token):
    server = JupyterConnectionInfo(host="127.0.0.1", use_https=False, port=int(port), token=token)
    with tempfile.TemporaryDirectory() as folder:
        async with DockerJupyterCodeExecutor(server, timeout=120, output_dir=folder) as executor:
            for code in CELLS:
                block = CodeBlock(code=code, language="python")
                done = await executor.execute_code_blocks([block], CancellationToken())
                print(json.dumps([done.exit_code, done.output, [path.suffix for path in done.output_files]]))


asyncio.run(main(*sys.argv[1:]))
