import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { runCommand } from '../support/command-line.ts'
import { useManager } from '../support/manager.ts'
import { cachedPython } from '../support/python.ts'

/**
 * Schemathesis (https://schemathesis.readthedocs.io) makes requests of `/openapi.json`, valid and not, and looks
 * whether each answer is as the document says, and none is a failure of the service.
 */
const manager = useManager({ limits: { wallTimeMs: 2000 } })
const folder = mkdtempSync(path.join(tmpdir(), 'schemathesis-'))
afterAll(() => rmSync(folder, { recursive: true }))
let python: string | null = null
beforeAll(async () => {
  python = await cachedPython(['schemathesis==4.32.5'])
}, scaledMs(900_000))

describe('v1', () => {
  test(
    'Schemathesis finds nothing',
    async ({ skip }) => {
      if (python === null) return skip('PyPI is not reached')
      const words = [
        ...['run', `${manager.url}/openapi.json`, '--no-color', '--generation-deterministic'],
        ...['--phases', 'coverage,fuzzing', '--max-examples', '20', '--continue-on-failure'],
        ...['--suppress-health-check', 'all', '--warnings', 'off', '--request-timeout', '120'],
        // The streams last as long as the session, and would be read to their end. What is behind a port answers as
        // it likes. Schemathesis cannot write tar files.
        ...[
          '--exclude-path-regex',
          '^/v1/sessions/.*/(events|watch|archive|ports/.*)$|^/v1/ports/',
        ],
        // Which names, limits and modes a service takes is not in the schema: it may answer 400.
        ...['--checks', 'all', '--exclude-checks', 'positive_data_acceptance'],
      ]
      const program = path.join(path.dirname(python), 'st')
      const end = await runCommand(program, words, { cwd: folder })
      expect(end.code, end.stdout + end.stderr).toBe(0)
    },
    scaledMs(1_800_000),
  )
})
