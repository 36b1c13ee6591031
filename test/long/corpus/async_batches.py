# Work in batches with asyncio.
# arguments: {"n": 5}
# result: {"done":[0,2,4,6,8],"total":20}
import asyncio

async def work(n, gate):
    async with gate:
        await asyncio.sleep(0.01)
        return n * 2

async def main(n):
    gate = asyncio.Semaphore(3)
    done = await asyncio.gather(*(work(i, gate) for i in range(n)))
    return {"done": done, "total": sum(done)}
