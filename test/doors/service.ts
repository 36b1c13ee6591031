import { afterAll, beforeAll, expect } from 'vitest'
import { freePort, startService } from '../support/service.ts'

/** The service that the clients of all front doors talk to. */
export const KEY = 'a-key-of-the-tests'
/** Of another caller. */
export const OTHER = 'another-key-of-them'
/** Of the form that older clients of E2B ask for. */
export const E2B_KEY = `e2b_${'0a'.repeat(20)}`
export const url = { service: '' }
const work: (() => Promise<void>)[] = []

/** Has something done when all tests have ended. */
export function atEnd(what: () => Promise<void>): void {
  work.push(what)
}

/** Starts the service before the tests of a file, and ends it after them. */
export function useService(): void {
  beforeAll(async () => {
    const env = {
      SANDBOX_EXECUTOR_MANAGER_PORT: String(await freePort()),
      EXECUTOR_MANAGER_API_KEYS: `tests:${KEY},other:${OTHER},e2b:${E2B_KEY}`,
    }
    const service = await startService(env, [], undefined, atEnd)
    url.service = service.client.url
    // It removes its sandboxes before it ends, though clients have been connected.
    work.unshift(async () => {
      service.kill('SIGTERM')
      expect(await service.ended()).toBe(0)
    })
  })
  afterAll(async () => {
    for (const what of work) await what()
  })
}

/** Returns how many executors have a run. */
export async function leased(): Promise<number> {
  const answer = await fetch(`${url.service}/v1/status`, { headers: { 'x-api-key': KEY } })
  const { executors } = (await answer.json()) as { executors: { state: string; count: number }[] }
  return executors.reduce((sum, { state, count }) => sum + (state === 'leased' ? count : 0), 0)
}
