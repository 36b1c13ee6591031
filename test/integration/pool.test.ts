import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'
import { executorsOf, runscProcesses, tracesOf, until } from '../support/traces.ts'

sample(2)

const client = useManager({
  queueWaitMs: 100,
  maxExecutors: 3,
  leanExecutors: false,
  limits: { wallTimeMs: 3000 },
})

const BUSY = {
  status: 'program_runner_error',
  exit_code: -10,
  stdout: '',
  stderr: 'Container pool is busy',
  detail: 'no_available_container',
  result: null,
  artifacts: [],
}

describe('a pool without a free executor', () => {
  test.each([
    ['python', 'import time\ndef main(): time.sleep(1)'],
    ['nodejs', 'function main() { return new Promise((r) => setTimeout(r, 1000, null)) }'],
    ['bash', 'sleep 1'],
  ])('%s: is busy, and the run that has it goes on', async (language, code) => {
    // No more may be alive than are ready, so none comes in place of the one on lease.
    await until(() => executorsOf(process.pid).length === 3)
    const [first, ...late] = await Promise.all(
      Array.from({ length: 3 }, () => client.run(language, code)),
    ).then((answers) => answers.sort((a, b) => b.exit_code - a.exit_code))
    expect(first).toMatchObject({ status: 'success' })
    expect(late).toMatchObject([BUSY, BUSY])
    await until(async () => (await client.run(language, code)).status === 'success')
  })
})

describe('an executor that is killed while it waits', () => {
  test('is replaced, and nothing of it stays', async () => {
    await until(() => executorsOf(process.pid).length === 3)
    const victim = executorsOf(process.pid).find((id) => id.startsWith('python')) as string
    for (const { pid, command } of runscProcesses(process.pid)) {
      if (command.includes(`/${victim} `)) process.kill(pid, 'SIGKILL')
    }
    thaw(victim)
    await until(() => {
      const now = executorsOf(process.pid)
      return !now.includes(victim) && now.some((id) => id.startsWith('python'))
    })
    await until(() => !tracesOf(process.pid).cgroups.some((name) => name.endsWith(`/${victim}`)))
    await until(
      async () => (await client.run('python', 'def main(): return 1')).status === 'success',
    )
  })
})

/** A frozen process dies of a SIGKILL when it is thawed (the kernel's own kills thaw it). */
function thaw(executor: string): void {
  for (const cgroup of tracesOf(process.pid).cgroups.filter((name) => name.endsWith(executor))) {
    for (const [file, word] of [
      ['freezer.state', 'THAWED'],
      ['cgroup.freeze', '0'],
    ] as const) {
      try {
        readFileSync(path.join(cgroup, file))
        writeFileSync(path.join(cgroup, file), word)
      } catch {
        // Another controller's folder, or the other cgroup version.
      }
    }
  }
}
