import { describe, expect, test } from 'vitest'
import { ManagerError } from '../../src/errors.ts'
import type { RunRequest } from '../../src/run/types.ts'
import { outcomeWith, useDoors } from '../support/door.ts'
import { NativeClient } from '../support/native-client.ts'
import { gate, PlayedRuns } from '../support/played-runs.ts'

const runs = new PlayedRuns()
const client = new NativeClient()
useDoors(runs, {}, client)
const RUN = { language: 'python', code: '' }

describe('a batch', () => {
  const echo = async (_tell: unknown, { program, stdin }: RunRequest) =>
    outcomeWith({ stdout: Buffer.from(`${program.code} ${stdin ?? ''}`) })

  test('has a result for each run, in order, whichever ends first', async () => {
    const last = gate()
    runs.play = async (tell, request) => {
      const code = request.program.code.toString()
      if (code === '0') await last.wait
      if (code === '5') last.open()
      if (code === '3') throw new ManagerError('POOL_BUSY', 'Nobody is free.')
      return echo(tell, request)
    }
    const list = Array.from({ length: 20 }, (_, index) => ({ ...RUN, code: `${index}` }))
    const { status, body } = await client.post('/v1/batches', { runs: list })
    expect(status).toBe(200)
    expect(body.results).toHaveLength(20)
    for (const [index, result] of body.results.entries()) {
      if (index === 3) expect(result.problem.type).toBe('/problems/no-executor')
      else expect(result.stdout).toBe(`${index} `)
    }
  })

  test('runs one program with many inputs', async () => {
    runs.play = echo
    const inputs = ['a', 'b', 'c'].map((stdin) => ({ stdin }))
    const { body } = await client.post('/v1/batches', { run: { ...RUN, code: 'p' }, inputs })
    expect(body.results.map(({ stdout }: { stdout: string }) => stdout)).toEqual([
      'p a',
      'p b',
      'p c',
    ])
  })

  test('begins a few at a time', async () => {
    let most = 0
    runs.play = async () => {
      most = Math.max(most, runs.running)
      await new Promise(setImmediate)
      return outcomeWith()
    }
    const { body } = await client.post('/v1/batches', { runs: Array(100).fill(RUN) })
    expect(body.results).toHaveLength(100)
    expect(most).toBeLessThanOrEqual(8)
  })

  test('streams results as they end', async () => {
    const others = gate()
    runs.play = async (tell, request) => {
      if (request.program.code.toString() === '0') await others.wait
      return echo(tell, request)
    }
    const list = Array.from({ length: 5 }, (_, index) => ({ ...RUN, code: `${index}` }))
    const seen: number[] = []
    for await (const { event, data } of client.events('/v1/batches', { runs: list })) {
      if (event !== 'result') continue
      expect(data.result.stdout).toBe(`${data.index} `)
      seen.push(data.index)
      if (seen.length === 4) others.open()
    }
    expect(seen.at(-1)).toBe(0)
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4])
  })

  test.each(['application/json', 'text/event-stream'])(
    'begins no run any more when its caller hangs up (%s)',
    async (accept) => {
      let begun = 0
      runs.play = (_tell, _request, signal) =>
        new Promise((_resolve, reject) => {
          begun++
          const gone = () => reject(new ManagerError('RUN_CANCELLED', 'Gone.'))
          signal.addEventListener('abort', gone)
          if (signal.aborted) gone()
        })
      const caller = new AbortController()
      const body = { runs: Array(50).fill(RUN) }
      const asked = client.post('/v1/batches', body, { signal: caller.signal, headers: { accept } })
      await expect.poll(() => runs.running, { timeout: 30_000 }).toBe(8)
      caller.abort()
      await expect(asked).rejects.toThrow()
      await expect.poll(() => runs.running, { timeout: 30_000 }).toBe(0)
      expect(begun).toBe(8)
    },
  )

  test('is refused as a whole when one run is not valid', async () => {
    const { status, body } = await client.post('/v1/batches', {
      runs: [RUN, { ...RUN, limits: { wall_ms: 10_000_000 } }],
    })
    expect([status, body.errors[0].pointer]).toEqual([400, '/runs/1/limits/wall_ms'])
  })
})
