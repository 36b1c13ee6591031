import { beforeAll, describe, expect, test } from 'vitest'
import { type Ended, runCommand } from '../support/command-line.ts'
import { npmPackage } from '../support/npm-package.ts'
import { cachedPython } from '../support/python.ts'
import { atEnd, E2B_KEY, url } from './service.ts'

/** Processes and files of E2B's clients, where E2B's own tests do not look: old clients, streams of input, much output. */
const environment = () => ({
  E2B_API_URL: url.service,
  E2B_SANDBOX_URL: url.service,
  E2B_API_KEY: E2B_KEY,
})

function toldBy({ stdout, stderr }: Ended) {
  const line = stdout.split('\n').find((one) => one.startsWith('TOLD '))
  if (line === undefined) throw new Error(stdout + stderr)
  return JSON.parse(line.slice(5))
}

describe('e2b', () => {
  describe.each(['2.51.0', '2.14.1'])('npm e2b %s, processes', (version) => {
    test('run, are fed, found again and ended; files are watched', async () => {
      const client = await npmPackage(`e2b@${version}`, atEnd)
      const told = toldBy(
        await client.runModule(
          `import { Sandbox } from 'e2b'
        const told = {}
        const sandbox = await Sandbox.create({ timeoutMs: 120_000 })
        const { stdout } = await sandbox.commands.run('seq 1 300000; printf "\\\\303"; sleep 0.1; printf "\\\\251"')
        told.output = [stdout.length, stdout.endsWith('300000\\né')]
        const failing = await sandbox.commands.run('echo x >&2; exit 3').catch((error) => error)
        told.failing = [failing.exitCode, failing.stderr]
        const killed = await sandbox.commands.run('kill -9 $$').catch((error) => error)
        told.killed = [killed.exitCode, killed.error]
        const late = await sandbox.commands.run('sleep 100', { timeoutMs: 500 }).catch((error) => error)
        told.late = late.name
        const cat = await sandbox.commands.run('cat', { background: true, stdin: true })
        await sandbox.commands.sendStdin(cat.pid, 'typed')
        await cat.disconnect()
        const again = await sandbox.commands.connect(cat.pid)
        told.listed = (await sandbox.commands.list()).some(({ pid }) => pid === cat.pid)
        told.kill = [await again.kill(), await sandbox.commands.kill(cat.pid)]
        let shown = ''
        const onData = (bytes) => { shown += Buffer.from(bytes) }
        const pty = await sandbox.pty.create({ cols: 71, rows: 24, onData })
        await sandbox.pty.resize(pty.pid, { cols: 93, rows: 24 })
        await sandbox.pty.sendInput(pty.pid, Buffer.from('stty size; exit\\n'))
        await pty.wait()
        told.size = /24 93/.test(shown)
        const changes = []
        const watch = await sandbox.files.watchDir('/tmp', ({ type, name }) => changes.push(type + ' ' + name))
        await sandbox.files.write('/tmp/a b', 'é')
        while (!changes.includes('write a b')) await new Promise((go) => setTimeout(go, 20))
        await watch.stop()
        await sandbox.files.rename('/tmp/a b', 'd/c')
        told.list = (await sandbox.files.list('d')).map(({ path, type }) => [path, type])
        told.read = await sandbox.files.read('d/c')
        await sandbox.kill()
        console.log('TOLD ' + JSON.stringify(told))`,
          { env: environment() },
        ),
      )
      expect(told).toEqual({
        output: [1_988_896, true],
        failing: [3, 'x\n'],
        killed: [-1, 'signal: killed'],
        late: 'TimeoutError',
        listed: true,
        kill: [true, false],
        size: true,
        list: [['/home/user/d/c', 'file']],
        read: 'é',
      })
    }, 600_000)
  })

  describe('PyPI e2b 2.63.0, processes', () => {
    let python: string | null
    beforeAll(async () => {
      python = await cachedPython(['e2b==2.63.0'])
    }, 600_000)

    test.each(['Sandbox', 'AsyncSandbox'])('%s sends input as a stream', async (name) => {
      if (python === null) return
      const isSync = name === 'Sandbox'
      const wait = isSync ? '' : 'await '
      const feed = isSync
        ? 'sandbox.commands.stream_input(count.pid, pieces)'
        : `async with sandbox.commands.stream_input(count.pid) as handle:
        for piece in pieces: await handle.send(piece)`
      const program = `
import asyncio, json
from e2b import ${name}
pieces = [b"x" * 100_000] * 20
async def main():
    told = {}
    sandbox = ${wait}${name}.create(timeout=120)
    count = ${wait}sandbox.commands.run("wc -c", background=True, stdin=True)
    ${feed}
    ${wait}sandbox.commands.close_stdin(count.pid)
    told["count"] = (${wait}count.wait()).stdout
    ${wait}sandbox.files.write("big", b"y" * 3_000_000, use_octet_stream=True, gzip=True)
    told["size"] = len(${wait}sandbox.files.read("big", format="bytes"))
    ${wait}sandbox.kill()
    print("TOLD " + json.dumps(told))
asyncio.run(main())`
      const end = await runCommand(python, ['-c', program], { env: environment() })
      expect(toldBy(end)).toEqual({ count: '2000000\n', size: 3_000_000 })
    })
  })
})
