"""The OpenAI Agents SDK's sandbox client for E2B: commands and files in a session."""

import asyncio
import io
from pathlib import Path

from agents.extensions.sandbox.e2b import E2BSandboxClient, E2BSandboxClientOptions


async def main():
    client = E2BSandboxClient()
    options = E2BSandboxClientOptions(sandbox_type="e2b", timeout=300, on_timeout="kill", auto_resume=False)
    session = await client.create(options=options)
    async with session:
        await session.write(Path("sum.py"), io.BytesIO(b"print(sum(range(13)))\n"))
        ended = await session.exec("python3 sum.py")
        print(ended.exit_code, ended.stdout.decode().strip())
        print((await session.exec("exit 3")).exit_code)
        print((await session.read(Path("sum.py"))).read().decode().strip())
    await client.delete(session)


asyncio.run(main())
