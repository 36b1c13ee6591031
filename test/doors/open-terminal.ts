import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { runCommand } from '../support/command-line.ts'
import { cachedPython } from '../support/python.ts'
import { freePort } from '../support/service.ts'
import { atEnd, KEY, url } from './service.ts'

/** The door for Open WebUI's terminals, and the package that it stands in for: both are asked the same. */

type Answers = Record<string, unknown>

/** What the package answers otherwise, and why that is no matter. */
const OTHERWISE: Readonly<Answers> = {
  // Its log is a file of its server; here none is.
  ...Object.fromEntries(['run', 'run on', 'status', 'processes'].map((name) => [name, 'log_path'])),
}

describe('open-terminal', () => {
  let python: string | null = null
  let reference: Answers = {}
  let ours: Answers = {}
  const ask = async (base: string, key: string): Promise<Answers> => {
    const program = path.join(projectDir(), 'test/doors/open-terminal/answers.py')
    const { stdout, stderr, code } = await runCommand(python as string, [program, base, key])
    if (code !== 0) throw new Error(stderr)
    return JSON.parse(stdout)
  }
  const plain = (answers: Answers) =>
    Object.fromEntries(
      Object.entries(answers).map(([name, answer]) => {
        if (OTHERWISE[name] !== 'log_path') return [name, answer]
        return [
          name,
          JSON.parse(JSON.stringify(answer).replace(/"log_path":"\w+"/g, '"log_path":0')),
        ]
      }),
    )

  beforeAll(async () => {
    python = await cachedPython(['open-terminal==0.14.5', 'websocket-client', 'requests'])
    if (python === null) return
    const home = mkdtempSync(path.join(tmpdir(), 'open-terminal-'))
    const port = String(await freePort())
    const words = ['run', '--host', '127.0.0.1', '--port', port]
    const server = spawn(path.join(path.dirname(python), 'open-terminal'), words, {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, OPEN_TERMINAL_API_KEY: KEY },
      stdio: 'ignore',
    })
    atEnd(async () => {
      server.kill()
      rmSync(home, { recursive: true, force: true })
    })
    const base = `http://127.0.0.1:${port}`
    const isUp = () =>
      fetch(`${base}/health`).then(
        ({ ok }) => ok,
        () => false,
      )
    while (server.exitCode === null && !(await isUp())) {
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    reference = await ask(base, KEY)
    ours = await ask(`${url.service}/open-terminal`, KEY)
  }, scaledMs(1_200_000))

  describe('as the server of open-terminal 0.14.5', () => {
    test('every answer has the same status and shape', ({ skip }) => {
      if (python === null) return skip('PyPI is not reached')
      const { operations: _, ...answers } = plain(ours)
      expect(Object.keys(answers).length).toBeGreaterThan(40)
      expect(answers).toEqual(
        Object.fromEntries(Object.keys(answers).map((name) => [name, plain(reference)[name]])),
      )
    })

    test('it offers the operations that Open WebUI makes tools of', ({ skip }) => {
      if (python === null) return skip('PyPI is not reached')
      const missing = new Set(reference.operations as string[])
      for (const name of ours.operations as string[]) expect(missing.delete(name), name).toBe(true)
      // Ranked searches, which the other two do as well.
      expect([...missing].sort()).toEqual(['match_files', 'search_files'])
    })
  })
})
