import { describe, type expect, test } from 'vitest'
import { ANSWER_FIELDS, type Answer, base64, type Client } from '../support/client.ts'
import { useManager } from '../support/manager.ts'
import { useUntouchedMachine } from './machine.ts'
import { type HostileProgram, isExpected, outcomeOf } from './program.ts'

/** After so many hostile programs an honest one runs alone; one runs beside each of them. */
const HONEST_EVERY = 5

/**
 * Defines a test for each program, run for real. Each must come to what its header says, in the time it
 * says, with an honest run beside it that notices nothing, and others between them; after all of them the
 * machine is as it was. To be called once in a file.
 */
export function testHostilePrograms(programs: readonly HostileProgram[]): void {
  useUntouchedMachine()
  client = useManager({ poolSize: 3, limits: { wallTimeMs: 2000 } })
  describe.concurrent('hostile programs', () => {
    test.for(programs)('$name', { timeout: 120_000 }, async (program, { expect }) => {
      const beside = honestRun(expect)
      const { answer, elapsedMs } = await runHostile(program)
      await beside
      if (programs.indexOf(program) % HONEST_EVERY === 0) await honestRun(expect)

      expect(Object.keys(answer).sort()).toEqual(ANSWER_FIELDS)
      const outcome = outcomeOf(answer, program)
      const told = JSON.stringify({ ...outcome, stderr: answer.stderr.slice(-1500) })
      expect(isExpected(outcome, program), told.slice(0, 4000)).toBe(true)
      expect(elapsedMs).toBeLessThan(program.withinMs)
      const names = answer.artifacts.map(({ name }) => name)
      if (program.artifacts) expect(names).toEqual(program.artifacts)
      for (const { content_b64 } of answer.artifacts) {
        expect(Buffer.from(content_b64, 'base64').toString()).not.toMatch(/root:|CapEff|PATH=/)
      }
    })
  })
}

let client: Client

/** @returns the answer, and the time from hand-over to answer, without that in the queue */
async function runHostile(program: HostileProgram): Promise<{ answer: Answer; elapsedMs: number }> {
  const started = performance.now()
  const response = await client.post(
    JSON.stringify({
      code_b64: base64(program.code),
      language: program.language,
      arguments: { manager_port: Number(new URL(client.url).port) },
    }),
  )
  const answer = (await response.json()) as Answer
  const [, queued] = /queue;dur=([\d.]+)/.exec(response.headers.get('server-timing') ?? '') ?? []
  return { answer, elapsedMs: performance.now() - started - Number(queued) }
}

/** Puts a secret wherever another run might look, and stays a while. */
const HONEST: Record<string, string> = {
  python: `
import os, socket, time
def main(secret):
  for folder in ["/tmp", "/workspace", "/dev/shm"]:
    assert not [f for f in os.listdir(folder) if "adversary" in f]
    open(f"{folder}/{secret}", "w").write(secret)
  door = socket.socket(socket.AF_UNIX)
  door.bind("\\0" + secret)
  door.listen()
  time.sleep(0.1)
  open("artifacts/honest.csv", "w").write(secret)
  print(secret)
  return {"sum": sum(range(100)), "secret": secret}`,
  nodejs: `
const fs = require('fs')
async function main({ secret }) {
  for (const folder of ['/tmp', '/workspace', '/dev/shm']) fs.writeFileSync(folder + '/' + secret, secret)
  await new Promise((resolve) => setTimeout(resolve, 100))
  fs.writeFileSync('artifacts/honest.csv', secret)
  console.log(secret)
  return { sum: [...Array(100).keys()].reduce((a, b) => a + b), secret }
}`,
}

let honestRuns = 0

async function honestRun(expected: typeof expect): Promise<void> {
  const secret = `honest-${++honestRuns}`
  const language = honestRuns % 2 ? 'python' : 'nodejs'
  const answer = await client.run(language, HONEST[language] as string, { secret })
  expected(answer).toMatchObject({
    status: 'success',
    stdout: `${secret}\n`,
    stderr: '',
    exit_code: 0,
    artifacts: [
      { name: 'honest.csv', content_b64: base64(secret) },
      { name: secret, content_b64: base64(secret) },
    ],
    result: { value: { sum: 4950, secret } },
  })
}
