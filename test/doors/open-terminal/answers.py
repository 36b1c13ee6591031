"""Asks a server of Open Terminal what Open WebUI asks it, and prints the status and shape of each answer as JSON.

Called with the address and the key. The server may be the package's own, so that two can be compared.
"""

import json
import sys
import time

import requests
import websocket

base, key = sys.argv[1:]
HEADERS = {"X-User-Id": "one", "X-Session-Id": "chat"}
KEY = {"Authorization": f"Bearer {key}"}
told = {}


def shape(value):
    if isinstance(value, dict):
        return {name: shape(one) for name, one in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def ask(method, path, headers={}, **more):
    answer = requests.request(method, base + path, headers={**KEY, **HEADERS, **headers}, timeout=240, **more)
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, [answer.headers.get("content-type", "").split(";")[0], len(answer.content) > 0]


def note(name, method, path, **more):
    status, body = ask(method, path, **more)
    told[name] = [status, shape(body) if status < 400 else None]
    return body


def until(look):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise TimeoutError


def files(home):
    note("make a folder", "POST", "/files/mkdir", json={"path": f"{home}/work/sub"})
    note("change the folder", "POST", "/files/cwd", json={"path": f"{home}/work"})
    note("change to no folder", "POST", "/files/cwd", json={"path": "/nowhere"})
    note("write", "POST", "/files/write", json={"path": "a.txt", "content": "one\ntwo\nthree\n"})
    note("read", "GET", "/files/read", params={"path": "a.txt"})
    lines = note("read lines", "GET", "/files/read", params={"path": "a.txt", "start_line": 2, "end_line": 2})
    assert lines["content"] == "two\n", lines
    note("read nothing", "GET", "/files/read", params={"path": "none"})
    chunk = {"target": "two", "replacement": "zwei"}
    note("replace", "POST", "/files/replace", json={"path": "a.txt", "replacements": [chunk]})
    note("replace what is not there", "POST", "/files/replace", json={"path": "a.txt", "replacements": [chunk]})
    assert ask("GET", "/files/read", params={"path": "a.txt"})[1]["content"] == "one\nzwei\nthree\n"
    note("list", "GET", "/files/list", params={"directory": "."})
    note("list nothing", "GET", "/files/list", params={"directory": "/nowhere"})
    found = note("grep", "GET", "/files/grep", params={"query": "Z.EI", "case_insensitive": "true", "include": "*.txt"})
    assert [(one["line"], one["content"]) for one in found["matches"]] == [(2, "zwei")], found
    note("grep a pattern that is none", "GET", "/files/grep", params={"query": "("})
    note("glob", "GET", "/files/glob", params={"pattern": "*.txt"})
    note("display", "GET", "/files/display", params={"path": "a.txt"})
    upload = {"file": ("b.bin", b"\x00\xff\x01")}
    note("upload", "POST", f"/files/upload?directory={home}/work/sub", files=upload)
    note("read bytes", "GET", "/files/read", params={"path": "sub/b.bin"})
    note("view", "GET", "/files/view", params={"path": f"{home}/work/a.txt"})
    note("archive", "POST", "/files/archive", json={"paths": [f"{home}/work"]})
    note("archive nothing", "POST", "/files/archive", json={"paths": ["/nowhere"]})
    names = {"source": f"{home}/work/a.txt", "destination": f"{home}/work/c.txt"}
    note("move", "POST", "/files/move", json=names)
    note("delete", "DELETE", f"/files/delete?path={home}/work/c.txt")
    note("delete nothing", "DELETE", f"/files/delete?path={home}/work/c.txt")


def commands(home):
    run = note("run", "POST", "/execute?wait=120", json={"command": "pwd; echo said >&2; exit 3"})
    said = "".join(one["data"] for one in run["output"])
    assert (run["status"], run["exit_code"]) == ("done", 3) and f"{home}/work" in said and "said" in said, run
    slow = note("run on", "POST", "/execute", json={"command": "read word; echo got $word; sleep 1000"})
    at = f"/execute/{slow['id']}"
    note("input", "POST", f"{at}/input", json={"input": "it\\n"})
    state = until(lambda: (now := ask("GET", f"{at}/status")[1])["output"] and now)
    note("status", "GET", f"{at}/status?offset={state['next_offset']}")
    note("kill", "DELETE", f"{at}?force=true")
    until(lambda: ask("GET", f"{at}/status")[1]["status"] == "killed")
    note("status of nothing", "GET", "/execute/none/status")
    note("processes", "GET", "/execute")
    note("of another user", "GET", f"{at}/status", headers={"X-User-Id": "other"})
    note("of another chat", "GET", f"{at}/status", headers={"X-Session-Id": "other"})


def ports():
    command = "exec python3 -m http.server 18123 --bind 127.0.0.1"
    server = ask("POST", "/execute", json={"command": command})[1]["id"]
    until(lambda: any(one["port"] == 18123 for one in ask("GET", "/ports")[1]["ports"]))
    note("ports", "GET", "/ports")
    note("proxy", "GET", "/proxy/18123/")
    ask("DELETE", f"/execute/{server}?force=true")


def attach(terminal, token=key):
    at = f"{base.replace('http', 'ws')}/api/terminals/{terminal}"
    socket = websocket.create_connection(at, header=[f"{name}: {value}" for name, value in HEADERS.items()], timeout=240)
    socket.send(json.dumps({"type": "auth", "token": token}))
    return socket


def terminals():
    terminal = note("terminal", "POST", "/api/terminals")["id"]
    note("terminals", "GET", "/api/terminals")
    note("one terminal", "GET", f"/api/terminals/{terminal}")
    note("no terminal", "GET", "/api/terminals/none")
    socket = attach(terminal)
    socket.send(json.dumps({"type": "resize", "cols": 100, "rows": 30}))
    socket.send_binary(b"stty size\n")
    shown = b""
    while b"30 100" not in shown:
        shown += socket.recv()
    note("what the user sees", "GET", "/api/terminals/user/output")
    note("type for the user", "POST", "/api/terminals/user/input", json={"input": "echo $((6 * 7))\n"})
    while b"42" not in shown:
        shown += socket.recv()
    socket.close()
    terminal = ask("POST", "/api/terminals")[1]["id"]
    frame = attach(terminal, "another key").recv_frame()
    told["another key at a terminal"] = [frame.opcode, int.from_bytes(frame.data[:2], "big")]
    note("end a terminal", "DELETE", f"/api/terminals/{terminal}")


for name in ("/health", "/api/config", "/files/cwd", "/system"):
    note(name, "GET", name)
place = ask("GET", "/files/cwd")[1]["home"]
files(place)
commands(place)
ports()
terminals()
told["without a key"] = [requests.get(f"{base}/execute", headers=HEADERS, timeout=60).status_code, None]
description = ask("GET", "/openapi.json")[1]
told["operations"] = sorted(one["operationId"] for path in description["paths"].values() for one in path.values())
print(json.dumps(told))
