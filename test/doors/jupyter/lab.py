"""JupyterLab without a browser, with its kernels behind a gateway. Called with the address and a key.

Starts a session of a notebook as the page does, runs cells, restarts the kernel and ends
it. Prints what came of each step.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import uuid

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

TOKEN = uuid.uuid4().hex
HEADERS = {"Authorization": f"token {TOKEN}"}


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


async def ask(base, method, path, body=None):
    data = json.dumps(body) if body is not None else ("" if method == "POST" else None)
    request = HTTPRequest(f"{base}/api/{path}", method, HEADERS, data, request_timeout=120)
    answer = await AsyncHTTPClient().fetch(request)
    return json.loads(answer.body) if answer.body else None


async def until_up(base):
    while True:
        try:
            return await ask(base, "GET", "status")
        except OSError:
            await asyncio.sleep(0.2)


async def request(channels, kind, content):
    """Sends a request; returns what is said to it until its reply and its end have come."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": "s", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await channels.write_message(json.dumps(message))
    said = {}
    while not {"reply", "idle"} <= set(said):
        told = json.loads(await channels.read_message())
        head, parent, body = told["header"], told["parent_header"], told["content"]
        if parent.get("msg_id") != header["msg_id"]:
            continue
        if head["msg_type"] == "status" and body["execution_state"] == "idle":
            said["idle"] = True
        elif head["msg_type"].endswith("_reply"):
            said["reply"] = body["status"]
        elif head["msg_type"] == "stream":
            said["text"] = said.get("text", "") + body["text"]
    return said


async def main(base):
    await until_up(base)
    specs = await ask(base, "GET", "kernelspecs")
    print(json.dumps(sorted(specs["kernelspecs"])))
    about = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    session = await ask(base, "POST", "sessions", about)
    kernel = session["kernel"]["id"]
    at = f"{base.replace('http', 'ws')}/api/kernels/{kernel}/channels?session_id=s&token={TOKEN}"
    channels = await websocket_connect(at)
    print((await request(channels, "kernel_info_request", {}))["reply"])
    await request(channels, "execute_request", {"code": "x = 6", "silent": False, "store_history": True})
    told = await request(channels, "execute_request", {"code": "print(x * 7)"})
    print(told["text"].strip())
    completed = await request(channels, "complete_request", {"code": "pri", "cursor_pos": 3})
    print(completed["reply"])
    await ask(base, "POST", f"kernels/{kernel}/restart")
    print((await request(channels, "execute_request", {"code": "x"}))["reply"])
    await ask(base, "DELETE", f"sessions/{session['id']}")
    print(len(await ask(base, "GET", "kernels")))


with tempfile.TemporaryDirectory() as folder:
    port = free_port()
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    words += [f"--IdentityProvider.token={TOKEN}", f"--gateway-url={sys.argv[1]}", f"--GatewayClient.auth_token={sys.argv[2]}"]
    env = {**os.environ, "JUPYTER_CONFIG_DIR": folder, "JUPYTER_DATA_DIR": folder, "JUPYTER_RUNTIME_DIR": folder}
    with open(f"{folder}/log", "w") as log:
        lab = subprocess.Popen(words, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        asyncio.run(asyncio.wait_for(main(f"http://127.0.0.1:{port}"), 280))
    except BaseException:
        sys.stderr.write(open(f"{folder}/log").read())
        raise
    finally:
        lab.terminate()
        lab.wait()
