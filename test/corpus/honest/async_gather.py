import asyncio

async def fetch(name, delay):
    await asyncio.sleep(delay)
    return f"{name} ready"

async def main():
    results = await asyncio.gather(*(fetch(f"job{i}", 0.01) for i in range(3)))
    return list(results)
