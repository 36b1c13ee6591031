"""The client against the service of EXECUTOR_MANAGER_URL."""

import asyncio
import unittest
import uuid

from executor_manager import AsyncClient, Client, ExecutorManagerError, file_bytes


class Service(unittest.TestCase):
    def test_bytes_go_in_and_come_back(self):
        content = bytes(range(256)) * 4000
        code = 'import shutil; shutil.copy("in.bin", "out.bin")'
        with Client() as client:
            outcome = client.run(language="python", code=code, files={"in.bin": content})
        self.assertEqual(outcome.status, "succeeded", outcome.detail)
        self.assertEqual(file_bytes(outcome.files[0]), content)

    def test_leaving_a_stream_cancels_the_run(self):
        code = "import time\nprint(1, flush=True)\ntime.sleep(15)"
        with Client() as client:
            for _ in range(4):
                for event in client.stream(language="python", code=code):
                    if event.event == "stdout":
                        break
            self.assertEqual(client.run(language="python", code="print(2)").stdout, "2\n")

    def test_an_accepted_run_its_events_and_its_file(self):
        code = 'print(1, flush=True); open("a b.txt", "w").write("left")'
        with Client() as client:
            id = client.submit(language="python", code=code).id
            outcome = client.wait(id)
            self.assertEqual((outcome.status, outcome.stdout), ("succeeded", "1\n"))
            self.assertEqual(client.read_file(outcome.files[0]), b"left")
            events = [e.event for e in client.events(id)]
            self.assertEqual((events[0], events[-1]), ("started", "done"))
            self.assertIsNone(client.cancel(id))
            with self.assertRaises(ExecutorManagerError) as caught:
                client.get(id)
            self.assertEqual(caught.exception.type, "not-found")

    def test_a_key_names_one_run_and_cancel_ends_it(self):
        async def main():
            async with AsyncClient() as client:
                key = uuid.uuid4().hex
                run = {"language": "python", "code": "import time; time.sleep(15)"}
                first = await client.submit(idempotency_key=key, **run)
                again = await client.submit(idempotency_key=key, **run)
                self.assertEqual(first.id, again.id)
                waiting = asyncio.ensure_future(client.wait(first.id))
                canceled = await client.cancel(first.id)
                self.assertIsNone(canceled.outcome)
                with self.assertRaises(ExecutorManagerError) as caught:
                    await waiting
                self.assertEqual(caught.exception.type, "canceled")

        asyncio.run(main())

    def test_async_stream_templates_and_status(self):
        async def main():
            async with AsyncClient() as client:
                events = [e async for e in client.stream(language="python", code="print(1)")]
                self.assertEqual([e.event for e in events], ["started", "stdout", "done"])
                self.assertIn("python", [one.name for one in await client.templates()])
                self.assertEqual((await client.status()).status, "ok")

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
