import asyncio

async def worker(queue, results):
    while True:
        item = await queue.get()
        results.append(item * item)
        queue.task_done()

async def process(items):
    queue, results = asyncio.Queue(), []
    workers = [asyncio.create_task(worker(queue, results)) for _ in range(2)]
    for item in items:
        queue.put_nowait(item)
    await queue.join()
    for task in workers:
        task.cancel()
    return sorted(results)

def main(items=(1, 2, 3)):
    return asyncio.run(process(items))
