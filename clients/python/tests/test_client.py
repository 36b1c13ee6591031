"""The client against answers that are made up."""

import asyncio
import dataclasses
import json
import time
import typing
import unittest

import httpx
from executor_manager import AsyncClient, Client, ExecutorManagerError, Outcome
from executor_manager import types as generated
from executor_manager._decode import decode
from executor_manager._wire import EventReader

PROBLEM = {"content-type": "application/problem+json"}


def problem(name, status, **headers):
    body = {"type": f"/problems/{name}", "title": "", "status": status, "detail": f"it is {name}"}
    return httpx.Response(status, json=body, headers={**PROBLEM, **headers})


class Answers:
    """Answers requests with one response after the other; the last one stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client_of(answers):
    return Client("http://service", key="secret", transport=httpx.MockTransport(answers))


def success(body):
    return httpx.Response(200, json=body)


SOON = {"retry-after": "0"}


def whole(cls, **given):
    """The JSON of an object, the members that a test does not care for being null."""
    return {**{field.name: None for field in dataclasses.fields(cls)}, **given}


SESSION = whole(generated.Session, id="s/1", state="ready")


class Sessions(unittest.TestCase):
    def test_run_interrupt_and_end_by_threads(self):
        done = whole(generated.SessionOutcome, execution_count=1, context="python")
        stream = 'event: started\ndata: {"id":"r","queue_ms":1}\n\nevent: done\ndata: %s\n\n'
        answers = Answers(
            success(SESSION),
            success(done),
            httpx.Response(200, text=stream % json.dumps(done)),
            success({"interrupted": True}),
            success({"contexts": [whole(generated.Context, id="c")]}),
            httpx.Response(204),
        )
        with client_of(answers).sessions.create(template="python") as session:
            outcome = session.run("1", wait=False)
            self.assertEqual((outcome.execution_count, outcome.context), (1, "python"))
            events = list(session.stream("1"))
            self.assertEqual([event.event for event in events], ["started", "done"])
            self.assertEqual(events[-1].data.execution_count, 1)
            self.assertTrue(session.interrupt("a b"))
            self.assertEqual(session.contexts.list()[0].id, "c")
        asked = [(request.method, request.url.raw_path.decode()) for request in answers.requests]
        self.assertEqual(
            asked,
            [
                ("POST", "/v1/sessions"),
                ("POST", "/v1/sessions/s%2F1/runs"),
                ("POST", "/v1/sessions/s%2F1/runs"),
                ("POST", "/v1/sessions/s%2F1/contexts/a%20b/interrupt"),
                ("GET", "/v1/sessions/s%2F1/contexts"),
                ("DELETE", "/v1/sessions/s%2F1"),
            ],
        )
        self.assertEqual(json.loads(answers.requests[1].content), {"wait": False, "code": "1"})

    def test_the_same_by_asyncio(self):
        done = whole(generated.SessionOutcome, execution_count=2)
        text = "event: done\ndata: %s\n\n" % json.dumps(done)
        answers = Answers(
            success(SESSION), success(done), httpx.Response(200, text=text), httpx.Response(204)
        )

        async def use():
            transport = httpx.MockTransport(answers)
            async with AsyncClient("http://service", transport=transport) as client:
                async with await client.sessions.create() as session:
                    outcome = await session.run("1")
                    events = [event async for event in session.stream("1")]
                    return outcome.execution_count, events[-1].data.execution_count

        self.assertEqual(asyncio.run(use()), (2, 2))


class Retries(unittest.TestCase):
    def test_of_a_run_that_has_not_begun(self):
        for name in ("rate-limited", "too-much-held", "no-executor", "shutting-down"):
            answers = Answers(problem(name, 503, **SOON), success({"results": []}))
            self.assertEqual(client_of(answers).batch(runs=[]), [])
            self.assertEqual(len(answers.requests), 2)

    def test_not_of_a_run_that_may_have_begun_or_cannot_succeed(self):
        broken = httpx.ReadError("gone")
        for answer in (problem("unavailable", 503, **SOON), problem("internal", 500), broken):
            answers = Answers(answer)
            with self.assertRaises(ExecutorManagerError):
                client_of(answers).run(language="python", code="")
            self.assertEqual(len(answers.requests), 1)

    def test_of_what_was_not_sent_and_of_what_only_reads(self):
        answers = Answers(httpx.ConnectError("refused"), httpx.ReadError("gone"), success({"templates": []}))
        self.assertEqual(client_of(answers).templates(), [])
        answers = Answers(httpx.ConnectError("refused"), success({"results": []}))
        self.assertEqual(client_of(answers).batch(runs=[]), [])

    def test_not_for_ever_and_not_when_the_service_asks_for_minutes(self):
        answers = Answers(problem("no-executor", 503, **SOON))
        with self.assertRaises(ExecutorManagerError) as caught:
            client_of(answers).run(language="python", code="")
        self.assertEqual((caught.exception.type, len(answers.requests)), ("no-executor", 4))
        answers = Answers(problem("rate-limited", 429, **{"retry-after": "3600"}))
        with self.assertRaises(ExecutorManagerError) as caught:
            client_of(answers).run(language="python", code="")
        self.assertEqual((caught.exception.retry_after_s, len(answers.requests)), (3600.0, 1))

    def test_async(self):
        async def main():
            answers = Answers(problem("no-executor", 503, **SOON), success({"templates": []}))
            transport = httpx.MockTransport(answers)
            async with AsyncClient("http://service", transport=transport) as client:
                self.assertEqual(await client.templates(), [])

        asyncio.run(main())


class BrokenBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer whose connection breaks in the body."""

    def __iter__(self):
        yield b'{"id": "'
        raise httpx.ReadError("gone")

    async def __aiter__(self):
        yield b'{"id": "'
        raise httpx.ReadError("gone")


def broken():
    return httpx.Response(200, stream=BrokenBody())


STATE = {
    "id": "x",
    "status": "queued",
    "detail": "",
    "template": "python",
    "created_at": "2026-11-30T12:00:00.000Z",
    "started_at": None,
    "ended_at": None,
    "expires_at": None,
    "outcome": None,
    "problem": None,
}
LOST = {"type": "/problems/lost", "title": "", "status": 500, "detail": "gone", "instance": "urn:request:1"}


class Accepted(unittest.TestCase):
    def answers(self):
        return Answers(
            httpx.ReadError("gone"),
            broken(),
            problem("too-much-held", 429, **SOON),
            httpx.Response(202, json=STATE),
        )

    def check(self, answers, run):
        self.assertEqual(run.id, "x")
        keys = [request.headers["idempotency-key"] for request in answers.requests]
        self.assertEqual((len(keys), len(set(keys))), (4, 1))
        self.assertEqual({r.headers["prefer"] for r in answers.requests}, {"respond-async"})

    def test_a_submission_is_sent_again_with_its_key(self):
        answers = self.answers()
        self.check(answers, client_of(answers).submit(code=""))
        answers = Answers(httpx.Response(202, json=STATE))
        client_of(answers).submit(code="", idempotency_key="mine")
        self.assertEqual(answers.requests[0].headers["idempotency-key"], "mine")

    def test_async_too(self):
        async def main():
            answers = self.answers()
            async with AsyncClient("http://service", transport=httpx.MockTransport(answers)) as client:
                self.check(answers, await client.submit(code=""))
            answers = Answers(broken(), success({**STATE, "status": "lost", "problem": LOST}))
            async with AsyncClient("http://service", transport=httpx.MockTransport(answers)) as client:
                with self.assertRaises(ExecutorManagerError) as caught:
                    await client.wait("x")
                self.assertEqual(caught.exception.type, "lost")

        asyncio.run(main())

    def test_waiting_asks_again_until_there_is_an_end(self):
        end = {**STATE, "status": "lost", "problem": LOST}
        answers = Answers(success(STATE), broken(), success(STATE), success(end))
        with self.assertRaises(ExecutorManagerError) as caught:
            client_of(answers).wait("x")
        self.assertEqual((caught.exception.type, len(answers.requests)), ("lost", 4))

    def test_a_retry_waits_as_long_as_the_service_asks(self):
        answers = Answers(problem("no-executor", 503, **{"retry-after": "1"}), success({"templates": []}))
        begun = time.monotonic()
        client_of(answers).templates()
        self.assertGreaterEqual(time.monotonic() - begun, 1)

    def test_a_cancel_whose_connection_broke_is_not_sent_again(self):
        answers = Answers(httpx.ReadError("gone"))
        with self.assertRaises(ExecutorManagerError):
            client_of(answers).cancel("x")
        self.assertEqual(len(answers.requests), 1)


class Wire(unittest.TestCase):
    def test_the_key_is_shown_and_files_are_text_or_base64(self):
        answers = Answers(problem("internal", 500))
        with self.assertRaises(ExecutorManagerError):
            client_of(answers).run(code="ü", files={"a": "text", "b": b"\x00\xff"})
        (request,) = answers.requests
        self.assertEqual(request.headers["authorization"], "Bearer secret")
        body = json.loads(request.content)
        files = [{"path": "a", "content": "text"}, {"path": "b", "content_base64": "AP8="}]
        self.assertEqual(body, {"code": "ü", "files": files})

    def test_an_answer_of_something_else_has_a_name(self):
        for answer in (httpx.Response(502, text="<html>"), httpx.Response(200, text="<html>")):
            with self.assertRaises(ExecutorManagerError) as caught:
                client_of(Answers(answer)).run(code="")
            self.assertEqual(caught.exception.type, "bad-answer")

    def test_events_are_read_whatever_their_chunks(self):
        text = 'id: 7\nevent: stdout\ndata: {"text": "ü\u2028\x85"}\n\n:\n\nevent: new\ndata: 1\n\n'
        data = text.encode()
        for size in (1, 2, 5, len(data)):
            reader = EventReader()
            chunks = [data[at : at + size] for at in range(0, len(data), size)]
            events = [event for chunk in chunks for event in reader.read(chunk)]
            self.assertEqual([(e.id, e.data.text) for e in events], [("7", "ü\u2028\x85")])

    def test_a_stream_that_breaks_off_or_tells_a_problem_is_an_error(self):
        gone = json.dumps({"type": "/problems/unavailable", "detail": "gone", "status": 503})
        started = 'event: started\ndata: {"id": "1", "queue_ms": 0}\n\n'
        for end, kind in (("", "broken-stream"), (f"event: error\ndata: {gone}\n\n", "unavailable")):
            with self.assertRaises(ExecutorManagerError) as caught:
                list(client_of(Answers(httpx.Response(200, text=started + end))).stream(code=""))
            self.assertEqual(caught.exception.type, kind)

    def test_types_take_what_they_do_not_know(self):
        usage = decode(
            generated.Usage, {"wall_ms": 1, "cpu_ms": 2, "peak_memory_bytes": 3, "new": 4}
        )
        self.assertEqual(usage, generated.Usage(1, 2, 3))
        self.assertIn("error", typing.get_type_hints(Outcome))


if __name__ == "__main__":
    unittest.main()
