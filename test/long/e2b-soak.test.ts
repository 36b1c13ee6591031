import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { descriptorsOf, mountsOf, runFiles, strayChildrenOf } from '../support/footprint.ts'
import { type NpmPackage, npmPackage } from '../support/npm-package.ts'
import { freePort, type Service, startService } from '../support/service.ts'
import { NO_TRACES, tracesOf, until } from '../support/traces.ts'

/** Many sandboxes by E2B's client, one after the other, after which nothing of them is left. */

/** A thousand is what a release is tried with. */
const SANDBOXES = Number(process.env.EXECUTOR_MANAGER_SOAK_SANDBOXES ?? 30)
const KEY = `e2b_${'0a'.repeat(20)}`
const AT_ONCE = 4

test('sandboxes that were made, used and killed leave nothing', {
  timeout: 14_400_000,
}, async () => {
  const client = await npmPackage('@e2b/code-interpreter@2.8.0', onTestFinished)
  const service = await startService({
    SANDBOX_EXECUTOR_MANAGER_PORT: String(await freePort()),
    EXECUTOR_MANAGER_API_KEYS: `tests:${KEY}`,
    EXECUTOR_MANAGER_DOORS: 'ragflow,v1,e2b',
  })
  const warmUp = Math.ceil(SANDBOXES / 3)
  console.log(await live(client, service, warmUp))
  const early = await footprint(service)
  console.log(await live(client, service, SANDBOXES - warmUp))
  const late = await footprint(service)
  console.log(early, late)
  expect(late).toEqual({ ...early, descriptors: expect.any(Number) })
  expect(late.descriptors).toBeLessThanOrEqual(early.descriptors + AT_ONCE)

  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})

/** @returns how long making one and running code took in the middle */
async function live(client: NpmPackage, { client: { url } }: Service, count: number) {
  const env = { E2B_API_URL: url, E2B_SANDBOX_URL: url, E2B_API_KEY: KEY }
  const { stdout, stderr } = await client.runModule(
    `import { Sandbox } from '@e2b/code-interpreter'
    const [made, run] = [[], []]
    let left = ${count}
    await Promise.all(Array.from({ length: ${AT_ONCE} }, async () => {
      while (left-- > 0) {
        const began = performance.now()
        const sandbox = await Sandbox.create()
        made.push(performance.now() - began)
        await sandbox.runCode('1')
        const ran = performance.now()
        const { text } = await sandbox.runCode('1 + 1')
        run.push(performance.now() - ran)
        const { stdout } = await sandbox.commands.run('echo 1')
        if (text !== '2' || stdout !== '1\\n') throw new Error(text + stdout)
        if (!(await sandbox.kill())) throw new Error('it was gone')
      }
    }))
    const middle = (all) => Math.round(all.sort((a, b) => a - b)[all.length >> 1])
    console.log('TOLD ' + JSON.stringify({ createMs: middle(made), runMs: middle(run) }))`,
    { env },
  )
  const told = /^TOLD (.*)$/m.exec(stdout)?.[1]
  if (told === undefined) throw new Error(stdout + stderr)
  return JSON.parse(told)
}

async function footprint({ client, pid }: Service) {
  const headers = { 'x-api-key': KEY }
  const sessions = async () => {
    const answer = await fetch(`${client.url}/v1/sessions`, { headers })
    return ((await answer.json()) as { sessions: unknown[] }).sessions.length
  }
  const cgroups = () => tracesOf(pid).cgroups.filter((name) => /\/session-/.test(name)).length
  await until(async () => (await sessions()) === 0 && cgroups() === 0)
  const { home } = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME })
  return {
    descriptors: descriptorsOf(pid).length,
    children: strayChildrenOf(pid).length,
    mounts: mountsOf(pid, home).length,
    files: runFiles(pid).length,
  }
}
