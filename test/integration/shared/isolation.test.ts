import { describe, expect, test } from 'vitest'
import { hasRootImages } from '../../support/root-images.ts'
import { useShared } from '../../support/shared-manager.ts'
import { runscProcesses } from '../../support/traces.ts'

/** What a program finds in its sandbox, and that what it does there stays there. */
const { client } = useShared()

async function value(language: string, code: string): Promise<unknown> {
  const answer = await client.run(language, code)
  expect(answer.stderr).toBe('')
  expect(answer.status).toBe('success')
  return answer.result?.value
}
const python = (body: string) =>
  value('python', `import os\ndef main():\n${body.replace(/^/gm, '  ')}`)
const status = async (field: string) =>
  python(
    `return dict(l.split(":\\t", 1) for l in open("/proc/self/status").read().splitlines())["${field}"]`,
  )

describe.concurrent('identity', () => {
  test('nobody, on a host of its own', async () => {
    expect(await python('return [os.getuid(), os.geteuid(), os.getgid(), os.getgroups()]')).toEqual(
      [65_534, 65_534, 65_534, []],
    )
    expect(await python('return os.uname().nodename')).toBe('sandbox')
    expect(await value('nodejs', 'function main() { return process.getuid() }')).toBe(65_534)
  })

  test.each(['CapInh', 'CapPrm', 'CapEff', 'CapBnd'])('%s is empty', async (field) => {
    expect(await status(field)).toMatch(/^0+$/)
  })

  test('may not gain privileges', async () => {
    const code = `
import ctypes
return ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)`
    expect(await python(code)).toBe(1)
  })

  test('an environment of its own', async () => {
    const environment = (await python('return dict(os.environ)')) as Record<string, string>
    const names = Object.keys(environment).sort()
    expect(names).toEqual([
      'HOME',
      'LANG',
      'MPLBACKEND',
      'MPLCONFIGDIR',
      'OMP_NUM_THREADS',
      'OPENBLAS_NUM_THREADS',
      'PATH',
    ])
    const node = await value('nodejs', 'function main() { return Object.keys(process.env).sort() }')
    expect(node).toEqual(['HOME', 'LANG', 'NODE_PATH', 'PATH'])
  })

  test('a kernel that is not the host’s', async () => {
    expect(await python('return open("/proc/version").read()')).toMatch(
      /^Linux version 4\.(4\.0|19\.0-gvisor)/,
    )
  })

  test('nothing runs but the supervisor and the program', async () => {
    const code = 'return sorted(int(p) for p in os.listdir("/proc") if p.isdigit())'
    expect(await python(code)).toHaveLength(2)
  })

  test('the supervisor cannot be read', async () => {
    const code = `
try: return open("/proc/1/mem", "rb").read(1) and "read"
except OSError as e: return type(e).__name__`
    expect(await python(code)).toMatch(/Error$/)
  })
})

describe.concurrent('the root file system', () => {
  test('cannot be changed', async () => {
    const code = `
failed = []
for path in ["/bin", "/etc/passwd", "/usr/bin/python3", "/"]:
  try: os.chmod(path, 0o777)
  except OSError as e: failed.append(path)
return failed`
    expect(await python(code)).toEqual(['/bin', '/etc/passwd', '/usr/bin/python3', '/'])
  })

  test('is served by no process of the host, where runsc can do without', async () => {
    const types = await python(
      'return [l.split()[2] for l in open("/proc/self/mounts") if l.split()[1] == "/"]',
    )
    const gofers = runscProcesses(process.pid).filter(({ command }) => /^runsc-gofer/.test(command))
    expect(types).toEqual([hasRootImages() ? 'erofs' : '9p'])
    expect(gofers.length > 0).toBe(!hasRootImages())
  })

  test.each([
    'unshare(0x10000000)',
    'unshare(0x20000)',
    'mount("x", "/tmp", "tmpfs", 0, 0)',
    'chroot("/tmp")',
    // The newer way to mount: open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr.
    ...[428, 429, 430, 431, 432, 433, 442].map(
      (number) => `syscall(${number}, -100, "/tmp", 0, 0, 0)`,
    ),
  ])('%s is refused', async (call) => {
    const quoted = call
      .replaceAll('"x"', 'b"x"')
      .replaceAll('"/tmp"', 'b"/tmp"')
      .replaceAll('"tmpfs"', 'b"tmpfs"')
    const code = `
import ctypes
c = ctypes.CDLL(None, use_errno=True)
return [c.${quoted}, ctypes.get_errno()]`
    const [result, errno] = (await python(code)) as number[]
    expect(result).toBe(-1)
    // A call that this runsc does not have: ENOSYS.
    expect(call.startsWith('syscall') ? [1, 38] : [1]).toContain(errno)
  })
})

describe.concurrent('the network', () => {
  test('is a loopback of its own and nothing else', async () => {
    const code = `
import socket
found = []
for address in ["1.1.1.1", "169.254.169.254", "10.0.0.1", "192.168.0.1"]:
  try:
    s = socket.socket(); s.settimeout(1); s.connect((address, 80)); found.append(address)
  except OSError: pass
return found`
    expect(await python(code)).toEqual([])
  })

  test('the manager cannot be reached', async () => {
    const port = new URL(client.url).port
    const code = `
import socket
s = socket.socket(); s.settimeout(1)
return s.connect_ex(("127.0.0.1", ${port}))`
    expect(await python(code)).toBe(111)
  })

  test('no names are resolved', async () => {
    const code = `
import socket
try: return socket.gethostbyname("localhost.example")
except OSError as e: return "failed"`
    expect(await python(code)).toBe('failed')
  })
})

describe.concurrent('two runs', () => {
  test('at once do not see each other', async () => {
    const code = `
import os, time
def main(name):
  for folder in ["/tmp", "/workspace", "/dev/shm"]:
    open(f"{folder}/{name}", "w").write("x")
  time.sleep(0.5)
  files = [f for folder in ["/tmp", "/workspace", "/dev/shm"] for f in os.listdir(folder)]
  return [sorted(set(files) & {"one", "two"}), len([p for p in os.listdir("/proc") if p.isdigit()])]
`
    const answers = await Promise.all([
      client.run('python', code, { name: 'one' }),
      client.run('python', code, { name: 'two' }),
    ])
    expect(answers.map(({ result }) => result?.value)).toEqual([
      [['one'], 2],
      [['two'], 2],
    ])
  })

  test.each([
    [
      'python',
      'import os, sys, builtins\ndef main():\n  seen = [os.path.exists("/tmp/mark"), hasattr(builtins, "mark")]\n  open("/tmp/mark", "w").write("x")\n  builtins.mark = 1\n  return seen',
    ],
    [
      'nodejs',
      'function main() { const fs = require("fs"); const seen = [fs.existsSync("/tmp/mark"), "mark" in globalThis]; fs.writeFileSync("/tmp/mark", ""); globalThis.mark = 1; return seen }',
    ],
  ])('%s: one after the other have a fresh sandbox each', async (language, code) => {
    for (let run = 0; run < 5; run++) expect(await value(language, code)).toEqual([false, false])
  })

  test.each([
    [
      'python',
      'import random, numpy, os, uuid, secrets\ndef main(): return [random.random(), numpy.random.rand(), os.urandom(8).hex(), str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(8)]',
    ],
    [
      'nodejs',
      'const c = require("crypto")\nfunction main() { return [Math.random(), c.randomBytes(8).toString("hex"), c.randomUUID(), c.generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" })] }',
    ],
  ])('%s: do not share their randomness', async (language, code) => {
    const answers = []
    for (let run = 0; run < 3; run++) answers.push(await value(language, code))
    const [first] = answers as unknown[][]
    for (const index of first?.keys() ?? []) {
      expect(new Set((answers as unknown[][]).map((answer) => answer[index])).size).toBe(3)
    }
  })
})

describe.concurrent('a program that tries to reach something', () => {
  test.each([
    ['python', 'import urllib.request\ndef main(): urllib.request.urlopen("http://example.org/")'],
    ['python', 'import requests\ndef main(): requests.get("http://192.0.2.1/", timeout=1)'],
    ['nodejs', 'async function main() { await fetch("http://example.org/") }'],
    ['bash', 'set -e\ncurl -sS http://example.org/\necho never'],
  ])('is told that there is no network: %s: %s', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({
      status: 'program_error',
      detail: 'This sandbox has no network.',
    })
  })
})
