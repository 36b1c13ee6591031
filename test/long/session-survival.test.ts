import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { callerOf } from '../support/killed-sessions.ts'
import { freePort, startService } from '../support/service.ts'

/** One of each kind of thing that a program may have open. */
const PREPARE = `
import json, mmap, os, pty, select, signal, socket, subprocess, threading, time
kept = {"a": [1, 2]}
open("note", "w").write("kept")
unlinked = open("unlinked", "w+")
unlinked.write("still here")
unlinked.flush()
os.unlink("unlinked")
mapped = mmap.mmap(-1, 8192)
mapped[0:4] = b"kept"
server = socket.create_server(("127.0.0.1", 8000))
def connected(server):
    client = socket.socket(server.family)
    client.connect(server.getsockname())
    return client, server.accept()[0]
tcp = connected(server)
unix_server = socket.socket(socket.AF_UNIX)
unix_server.bind("socket")
unix_server.listen()
unix = connected(unix_server)
udp = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
udp[0].bind(("127.0.0.1", 8001))
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
events = select.epoll()
events.register(unix[1], select.EPOLLIN)
terminal, slave = pty.openpty()
shell = subprocess.Popen(["bash", "--norc", "-i"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
line = "i=0; while :; do echo $((i++)) > ticks.new; mv ticks.new ticks; sleep 0.2; done"
ticker = subprocess.Popen(["bash", "-c", line])
while not os.path.exists("ticks"): time.sleep(0.1)
print("ready")
`

/** What of it works, as JSON. */
const CHECK = `
def pairs(pair):
    pair[0].sendall(b"there")
    return pair[1].recv(9) == b"there"
def datagrams():
    udp[1].sendto(b"there", ("127.0.0.1", 8001))
    return udp[0].recv(9) == b"there"
def pipes():
    child.stdin.write(b"there\\n")
    child.stdin.flush()
    return child.stdout.readline() == b"there\\n"
def listens(server):
    pair = connected(server)
    return pairs(pair)
def polls():
    unix[0].sendall(b"x")
    found = events.poll(20)
    return len(found) == 1 and unix[1].recv(1) == b"x"
def shows():
    os.write(terminal, b"echo $((40 + 2))\\n")
    said = b""
    while b"\\n42" not in said: said += os.read(terminal, 4096)
    return True
def ticks():
    before = open("ticks").read()
    for _ in range(200):
        if open("ticks").read() != before: return True
        time.sleep(0.1)
def reads():
    unlinked.seek(0)
    return unlinked.read() == "still here"
KINDS = {
    "variables": lambda: kept == {"a": [1, 2]},
    "files": lambda: open("note").read() == "kept",
    "files that are open and removed": reads,
    "shared memory": lambda: mapped[0:4] == b"kept",
    "background processes": ticks,
    "pipes": pipes,
    "terminals": shows,
    "listening sockets": lambda: listens(server),
    "connections inside": lambda: pairs(tcp),
    "UDP sockets": datagrams,
    "Unix sockets": lambda: pairs(unix) and listens(unix_server),
    "epoll": polls,
    "the clock": lambda: abs(time.time() - NOW) < 60,
}
socket.setdefaulttimeout(30)
found = {}
for name, works in KINDS.items():
    try: found[name] = bool(works())
    except Exception as error: found[name] = repr(error)
print(json.dumps(found))
`

/** Timers of a moment that passes while the session is on disk. */
const SET_TIMERS = `
fired = {}
def later(name): fired[name] = time.time()
threading.Timer(1, later, ["timers"]).start()
sleeper = subprocess.Popen(["sleep", "1"])
`
const CHECK_TIMERS = `
for _ in range(300):
    if fired and sleeper.poll() is not None: break
    time.sleep(0.1)
print(bool(fired), sleeper.poll())
`

test(
  'what survives hibernation and a restart of the service is what the document says',
  async () => {
    const env = { SANDBOX_EXECUTOR_MANAGER_PORT: String(await freePort()) }
    let service = await startService(env)
    const call = callerOf(() => service)
    const idle = { freeze_ms: null, hibernate_ms: null }
    const { id } = (await call('POST', '', { template: 'python', idle })).body
    const run = async (code: string) => {
      const { body } = await call('POST', `/${id}/runs`, { code })
      expect(body, JSON.stringify(body)).toMatchObject({ status: 'succeeded' })
      return body.stdout as string
    }
    const check = async () => JSON.parse(await run(`NOW = ${Date.now() / 1000}${CHECK}`))
    expect(await run(PREPARE)).toBe('ready\n')
    const all = await check()
    for (const [name, works] of Object.entries(all)) expect(works, name).toBe(true)
    await run(SET_TIMERS)
    // A connection from outside, as the proxy of ports makes them; what it reads has no end by itself.
    await run('proxied = socket.create_server(("127.0.0.1", 8002))')
    const outside = fetch(`${service.client.url}/v1/sessions/${id}/ports/8002/`).then(
      ({ status }) => status,
      () => 0,
    )
    await run('accepted = proxied.accept()[0]; print(accepted.recv(3))')
    const paused = await call('POST', `/${id}/pause`)
    if (paused.body.state !== 'hibernated') {
      // The request from outside uses it; a stop of the service writes it all the same.
      service.kill('SIGTERM')
      expect(await service.ended()).toBe(0)
      service = await startService(env)
    }
    expect(await outside).not.toBe(200)
    const afterSleep = await check()
    expect(afterSleep).toEqual(all)
    expect(await run(CHECK_TIMERS)).toBe('True 0\n')
    expect((await call('POST', `/${id}/pause`)).body.state).toBe('hibernated')
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
    service = await startService(env)
    expect(await check()).toEqual(all)
    expect((await call('DELETE', `/${id}`)).status).toBe(204)
    // The table of the document has these, and no other.
    const doc = readFileSync(path.join(import.meta.dirname, '../../docs/sessions.md'), 'utf8')
    const [, table = ''] = /## What survives\n([\s\S]*?)\n## /.exec(doc) ?? []
    const told = [...table.matchAll(/^\| ([^|]+) \| yes/gm)].map(([, name]) => name?.trim())
    expect(told.sort()).toEqual([...Object.keys(all), 'timers'].sort())
  },
  scaledMs(400_000),
)
