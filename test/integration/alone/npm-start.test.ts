import { readdirSync, readFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { expect, type TestContext, test } from 'vitest'
import { sample } from '../../support/sample.ts'
import { type Service, startService, withoutVariants } from '../../support/service.ts'
import { executorsOf, NO_TRACES, tracesOf, until } from '../../support/traces.ts'

sample(2)

/** `npm start` itself: npm, what it starts, and the signals that reach them. */

/** The system's own Node.js, as a user's shell finds it: not the one that runs this test. */
const PATH = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter)

/** setsid makes npm the leader of its own process group, as a shell does. */
const npmStart = ({ onTestFinished }: TestContext) =>
  startService({ ...withoutVariants(), PATH }, ['setsid'], ['npm', 'start'], onTestFinished)

const SLEEPING = 'import time\ndef main():\n  time.sleep(3)\n  return "done"'

const SIGNALS: [string, (pids: readonly number[]) => void][] = [
  ['SIGTERM to npm', ([npm]) => process.kill(npm as number, 'SIGTERM')],
  ['SIGINT to npm', ([npm]) => process.kill(npm as number, 'SIGINT')],
  ['SIGTERM to what npm starts', ([, first]) => process.kill(first as number, 'SIGTERM')],
  ['Ctrl-C, which reaches all of them', ([npm]) => process.kill(-(npm as number), 'SIGINT')],
]

test.concurrent.for(SIGNALS)(
  '%s: a run finishes, no process and no trace is left',
  async ([, send], context) => {
    const service = await npmStart(context)
    const pids = family(service.pid)
    const manager = pids.at(-1) as number
    const run = await running(service, manager)
    send(pids)
    expect(await run.end).toMatchObject({ status: 'success', result: { value: 'done' } })
    await service.ended()
    await until(() => !pids.some(isAlive))
    expect(tracesOf(manager)).toEqual(NO_TRACES)
  },
)

test.concurrent('the service does not go on when what started it is killed', async (context) => {
  const service = await npmStart(context)
  const pids = family(service.pid)
  const manager = pids.at(-1) as number
  // npm's child: the bootstrap, or the manager itself where the system's Node.js is new enough.
  process.kill(pids[1] as number, 'SIGKILL')
  await until(() => !isAlive(manager))
  if (manager !== pids[1]) expect(tracesOf(manager)).toEqual(NO_TRACES)
})

async function running(service: Service, manager: number) {
  const before = executorsOf(manager)
  const end = service.client.run('python', SLEEPING)
  await until(() => executorsOf(manager).some((id) => !before.includes(id)))
  return { end }
}

/** A process, its only child of this kind, and so on down to the manager. */
function family(pid: number): number[] {
  const child = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => parentOf(name) === pid && read(name, 'cmdline').includes('bootstrap.mjs'))
  return child ? [pid, ...family(Number(child))] : [pid]
}

function parentOf(pid: string): number {
  return Number(/^PPid:\t(\d+)$/m.exec(read(pid, 'status'))?.[1])
}

function isAlive(pid: number): boolean {
  return /^State:\t[^ZX]/m.test(read(String(pid), 'status'))
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // Gone.
  }
}
