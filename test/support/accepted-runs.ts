import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import type { Config } from '../../src/config.ts'
import { ManagerError } from '../../src/errors.ts'
import type { DatabaseOptions } from '../../src/jobs/database.ts'
import type { RunOutcome } from '../../src/run/types.ts'
import { FakeRuns, openDoors, outcomeWith } from './door.ts'
import { NativeClient } from './native-client.ts'

/** Accepted runs over runs that never happen, with the store as it is. The callers are Ann and Bob. */
export const ANN = 'ann-has-a-long-key'
export const BOB = 'bob-has-a-long-key'
export const RUN = { language: 'python', code: 'print(1)' }
export const ASYNC = { prefer: 'respond-async' }
export const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

export const client = new NativeClient()
export let runs: FakeRuns
let folder: string
export let door: Awaited<ReturnType<typeof openDoors>>
/** Each gives one run its end. */
export let ends: ((outcome: RunOutcome) => void)[]

/** Opens the API before each test of a file, with an empty store, and closes it after it. */
export function useAcceptedRuns(): void {
  beforeEach(async () => {
    folder = path.join(mkdtempSync(path.join(tmpdir(), 'executor-manager-async-')), 'store')
    await open()
  }, 60_000)
  afterEach(async () => {
    for (const end of ends) end(outcomeWith())
    await door.close()
    rmSync(path.dirname(folder), { recursive: true })
  }, 60_000)
}

/** Opens the API, with what the store has. */
export async function open(options: Partial<DatabaseOptions> = {}, settings: Partial<Config> = {}) {
  runs = new FakeRuns()
  ends = []
  const keys = ApiKeys.parse(`ann:${ANN},bob:${BOB}`) as ApiKeys
  door = await openDoors(runs, { keys, ...settings }, { folder, ...options })
  client.url = door.url
}

/** From here on a run ends when the test says so, or is canceled. */
export function holdRuns(): void {
  runs.end = (_request, signal) =>
    new Promise((resolve, reject) => {
      ends.push(resolve)
      const canceled = new ManagerError('RUN_CANCELLED', 'The caller has gone.')
      signal.addEventListener('abort', () => reject(canceled))
    })
}

export const submit = (run: object = RUN, headers: Record<string, string> = {}) =>
  client.run(run, { headers: { ...bearer(ANN), ...ASYNC, ...headers } })
export const get = (id: string, headers: Record<string, string> = {}) =>
  client.fetch(`/v1/runs/${id}`, { headers: { ...bearer(ANN), ...headers } })
export const ended = (id: string) => get(id, { prefer: 'wait=60' })
export const cancel = (id: string, key = ANN) =>
  client.fetch(`/v1/runs/${id}`, { method: 'DELETE', headers: bearer(key) })

export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await sleep(10)
}
