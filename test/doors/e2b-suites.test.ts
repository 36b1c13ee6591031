import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificates, listOf, runSuite, type SuiteName } from '../support/e2b-suites.ts'
import { freePort, startService } from '../support/service.ts'

/**
 * E2B's own tests from checkouts (E2B_TESTS), unmodified, with the newest clients. What each file gives is in the lists of
 * e2b-suites/; E2B_FILES names some of them, such as `api/list`.
 */
const { E2B_TESTS: checkouts = '', E2B_FILES: wanted = '' } = process.env
const NAMES: readonly SuiteName[] = [
  'js-sdk',
  'python-sdk',
  'js-code-interpreter',
  'python-code-interpreter',
]
const KEY = `e2b_${'0a'.repeat(20)}`
const work: (() => Promise<void>)[] = []
let env: Parameters<typeof runSuite>[3]

describe.skipIf(!existsSync(path.join(checkouts, 'E2B')))('the tests of E2B', () => {
  beforeAll(async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'e2b-certificates-'))
    work.push(async () => rmSync(folder, { recursive: true }))
    const { ca, cert, key } = await certificates(folder, 'sandbox.test')
    const port = await freePort()
    const settings = {
      SANDBOX_EXECUTOR_MANAGER_PORT: String(port),
      EXECUTOR_MANAGER_API_KEYS: `tests:${KEY}`,
      EXECUTOR_MANAGER_E2B_DOMAIN: `sandbox.test:${port}`,
      EXECUTOR_MANAGER_SESSIONS: '40',
    }
    const start = ['scripts/bootstrap.mjs', 'start', '--tls-cert', cert, '--tls-key', key]
    const command = [process.execPath, ...start]
    const service = await startService(settings, [], command, (what) => work.push(what))
    work.unshift(async () => {
      service.kill('SIGTERM')
      await service.ended()
    })
    const address = `https://localhost:${port}`
    const addresses = { E2B_API_URL: address, E2B_SANDBOX_URL: address }
    env = { domain: 'sandbox.test', ca, E2B_API_KEY: KEY, ...addresses }
  }, 600_000)
  afterAll(async () => {
    for (const what of work) await what()
  })

  test.each(NAMES)(
    '%s',
    async (name) => {
      const list = listOf(name)
      const files = Object.keys(list).filter((file) => file.includes(wanted))
      if (files.length === 0) return
      const results = await runSuite(checkouts, name, files, env)
      if (results === null) return
      const odd = files.flatMap((file) => {
        const { passed = 0, failed = ['the file'] } = results.get(file) ?? {}
        const { passes = 0, not = {}, unit = {} } = list[file] ?? {}
        const known = { ...not, ...unit }
        const unknown = failed.filter((id) => !Object.hasOwn(known, id))
        return passed >= passes && unknown.length === 0 ? [] : [{ file, passed, passes, unknown }]
      })
      expect(odd).toEqual([])
    },
    3_600_000,
  )
})
