import { expect } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { E2B_KEY, url } from './service.ts'

const BUILD_MS = scaledMs(900_000)

/** The environment that points E2B's clients to the service of the tests. */
export const e2bEnvironment = () => ({
  E2B_API_URL: url.service,
  E2B_SANDBOX_URL: url.service,
  E2B_API_KEY: E2B_KEY,
  PYTHONDONTWRITEBYTECODE: '1',
})

/** Has the template be built, which takes longer than clients wait for their first sandbox. */
export async function buildWorkspace(): Promise<void> {
  const response = await fetch(`${url.service}/v2/sandboxes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': E2B_KEY },
    body: JSON.stringify({ templateID: 'workspace', timeout: 60 }),
    signal: AbortSignal.timeout(BUILD_MS),
  })
  const { sandboxID } = (await response.json()) as { sandboxID: string }
  expect(response.status).toBe(201)
  const headers = { 'x-api-key': E2B_KEY }
  await fetch(`${url.service}/sandboxes/${sandboxID}`, { method: 'DELETE', headers })
}
