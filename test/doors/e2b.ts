import { beforeAll, describe, expect, test } from 'vitest'
import { type Ended, runCommand } from '../support/command-line.ts'
import { type NpmPackage, npmPackage } from '../support/npm-package.ts'
import { cachedPython } from '../support/python.ts'
import { atEnd, E2B_KEY, OTHER, url } from './service.ts'

/** Clients of E2B as npm and PyPI have them: what they make sandboxes by. */
const environment = () => ({
  E2B_API_URL: url.service,
  E2B_SANDBOX_URL: url.service,
  E2B_API_KEY: E2B_KEY,
})

/** What a program has printed behind `TOLD `, as JSON. */
function toldBy({ stdout, stderr }: Ended) {
  const line = stdout.split('\n').find((one) => one.startsWith('TOLD '))
  if (line === undefined) throw new Error(stdout + stderr)
  return JSON.parse(line.slice(5))
}

describe('e2b', () => {
  describe.each(['2.51.0', '2.30.5', '2.14.1'])('npm e2b %s', (version) => {
    let client: NpmPackage
    beforeAll(async () => {
      client = await npmPackage(`e2b@${version}`, atEnd)
    }, 600_000)
    const run = async (body: string) =>
      toldBy(
        await client.runModule(
          `import { Sandbox } from 'e2b'
          const told = {}
          ${body}
          console.log('TOLD ' + JSON.stringify(told))`,
          { env: environment() },
        ),
      )

    test('a sandbox is made, found, used and ended', async () => {
      const told = await run(`
        const metadata = { test: 'of ' + process.pid, b: '&=%' }
        const sandbox = await Sandbox.create({ timeoutMs: 60_000, metadata, envs: { A: 'b' } })
        await sandbox.files.write('a/b.txt', 'text ü')
        told.read = await sandbox.files.read('a/b.txt')
        const { exitCode, stdout } = await sandbox.commands.run('echo $A; cat a/b.txt')
        told.command = [exitCode, stdout]
        const found = await Sandbox.list({ query: { metadata } }).nextItems()
        told.found = found.map(({ sandboxId }) => sandboxId === sandbox.sandboxId)
        const { endAt, startedAt } = await sandbox.getInfo()
        told.seconds = (endAt - startedAt) / 1000
        told.running = [await sandbox.isRunning()]
        await sandbox.kill()
        told.running.push(await sandbox.isRunning())
        told.again = await Sandbox.kill(sandbox.sandboxId)`)
      expect(told).toEqual({
        read: 'text ü',
        command: [0, 'b\ntext ü'],
        found: [true],
        seconds: expect.closeTo(60, 0),
        running: [true, false],
        again: false,
      })
    })

    test('a sandbox is connected to by its id, and is there for its key alone', async () => {
      const told = await run(`
        const { sandboxId } = await Sandbox.create()
        const sandbox = await Sandbox.connect(sandboxId)
        told.same = (await sandbox.commands.run('echo 1')).stdout
        const other = { apiKey: '${OTHER}', validateApiKey: false }
        process.env.E2B_VALIDATE_API_KEY = 'false'
        told.other = await Sandbox.connect(sandboxId, other).catch((error) => error.message)
        told.kill = [await Sandbox.kill(sandboxId, other), await Sandbox.kill(sandboxId)]
        told.wrong = await Sandbox.create({ apiKey: 'e2b_' + '0'.repeat(40) }).catch(({ name }) => name)`)
      expect(told).toEqual({
        same: '1\n',
        other: expect.stringMatching(/not found|exist/i),
        kill: [false, true],
        wrong: 'AuthenticationError',
      })
    })
  })

  describe('npm e2b 2.51.0, copies', () => {
    test('a sandbox is paused, woken, forked, and made from a snapshot', async () => {
      const client = await npmPackage('e2b@2.51.0', atEnd)
      const told = toldBy(
        await client.runModule(
          `import { Sandbox } from 'e2b'
          const told = {}
          const sandbox = await Sandbox.create()
          await sandbox.files.write('a.txt', '1')
          told.pause = [await sandbox.pause(), await sandbox.pause(), await sandbox.isRunning()]
          await Sandbox.connect(sandbox.sandboxId)
          const read = (one) => one.files.read('a.txt')
          told.read = [await read(sandbox)]
          const [fork] = await sandbox.fork()
          const { snapshotId } = await sandbox.createSnapshot()
          const copy = await Sandbox.create(snapshotId)
          await sandbox.files.write('a.txt', '2')
          for (const one of [fork, copy, sandbox]) told.read.push(await read(one))
          told.deleted = [await Sandbox.deleteSnapshot(snapshotId), await Sandbox.deleteSnapshot(snapshotId)]
          for (const one of [fork, copy, sandbox]) await one.kill()
          console.log('TOLD ' + JSON.stringify(told))`,
          { env: environment() },
        ),
      )
      expect(told).toEqual({
        pause: [true, false, false],
        read: ['1', '1', '1', '2'],
        deleted: [true, false],
      })
    }, 600_000)
  })

  describe.each(['2.63.0', '2.34.0'])('PyPI e2b %s', (version) => {
    let python: string | null
    beforeAll(async () => {
      python = await cachedPython([`e2b==${version}`])
    }, 600_000)

    test.each(['Sandbox', 'AsyncSandbox'])('%s is made, used, paused and ended', async (name) => {
      if (python === null) return
      const wait = name === 'Sandbox' ? '' : 'await '
      const program = `
import asyncio, json
from e2b import ${name}
async def main():
    told = {}
    sandbox = ${wait}${name}.create(timeout=60, metadata={"a": "b"}, envs={"A": "b"})
    ${wait}sandbox.files.write("a/b.txt", "text ü")
    told["read"] = ${wait}sandbox.files.read("a/b.txt")
    ended = ${wait}sandbox.commands.run("echo $A; cat a/b.txt")
    told["command"] = [ended.exit_code, ended.stdout]
    info = ${wait}sandbox.get_info()
    told["info"] = [info.metadata, info.sandbox_id == sandbox.sandbox_id]
    told["running"] = [${wait}sandbox.is_running()]
    ${wait}sandbox.${version === '2.34.0' ? 'beta_pause' : 'pause'}()
    told["running"].append(${wait}sandbox.is_running())
    again = ${wait}${name}.connect(sandbox.sandbox_id)
    told["again"] = ${wait}again.files.read("a/b.txt")
    told["killed"] = [${wait}sandbox.kill(), ${wait}sandbox.kill()]
    print("TOLD " + json.dumps(told))
asyncio.run(main())`
      const end = await runCommand(python, ['-c', program], { env: environment() })
      expect(toldBy(end)).toEqual({
        read: 'text ü',
        command: [0, 'b\ntext ü'],
        info: [{ a: 'b' }, true],
        running: [true, false],
        again: 'text ü',
        killed: [true, false],
      })
    })
  })
})
