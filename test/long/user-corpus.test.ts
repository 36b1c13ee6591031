import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { useManager } from '../support/manager.ts'

/**
 * Data analysis as language models write it: each program of the folder says in its first lines what it is
 * given and what must come of it. `needs`: libraries without which it is left out; `arguments` and `result`: JSON;
 * `file`: name and media type of a file that must come; `stdout`: JSON text that must stand in it.
 */

const FOLDER = path.join(import.meta.dirname, 'corpus')

interface Program {
  readonly name: string
  readonly code: string
  readonly needs: readonly string[]
  readonly args: object
  readonly result: unknown
  readonly files: readonly { name: string; type: string }[]
  readonly stdout: string
}

const programs = readdirSync(FOLDER).map(readProgram)
const client = useManager({
  runtimes: ['python'],
  poolSize: 2,
  codePolicy: 'balanced',
  leanExecutors: true,
  richExecutors: true,
  limits: { wallTimeMs: 60_000, memoryBytes: 512 * 1024 ** 2 },
})

function readProgram(file: string): Program {
  const code = readFileSync(path.join(FOLDER, file), 'utf8')
  const said = (key: string) =>
    [...code.matchAll(new RegExp(`^# ${key}: (.*)$`, 'gm'))].map((found) => found[1] as string)
  const [needs] = said('needs')
  const [result] = said('result')
  if (result === undefined) throw new Error(`${file} does not say its result`)
  return {
    name: file,
    code,
    needs: needs?.split(', ') ?? [],
    args: JSON.parse(said('arguments')[0] ?? '{}'),
    result: JSON.parse(result),
    files: said('file').map((text) => {
      const [name = '', type = ''] = text.split(' ')
      return { name, type }
    }),
    stdout: JSON.parse(said('stdout')[0] ?? '""'),
  }
}

/** The same but for the last digits of numbers, which differ between versions of libraries. */
function near(came: unknown, wanted: unknown): boolean {
  if (typeof came === 'number' && typeof wanted === 'number') {
    return Math.abs(came - wanted) <= 1e-6 * Math.max(1, Math.abs(wanted))
  }
  if (typeof came !== 'object' || typeof wanted !== 'object' || came === null || wanted === null) {
    return came === wanted
  }
  const keys = Object.keys(wanted)
  const other = came as Record<string, unknown>
  return (
    Array.isArray(came) === Array.isArray(wanted) &&
    Object.keys(came).length === keys.length &&
    keys.every((key) => key in other && near(other[key], (wanted as typeof other)[key]))
  )
}

const NAMES = [...new Set(programs.flatMap(({ needs }) => needs))]
const FIND = `import importlib.util
def main(names): return [name for name in names if importlib.util.find_spec(name) is None]`

describe('programs as language models write them', () => {
  let missing: readonly string[] = []

  beforeAll(async () => {
    missing = (await client.run('python', FIND, { names: NAMES })).result?.value as string[]
  }, scaledMs(60_000))

  test('are at least 60', () => {
    expect(programs.length).toBeGreaterThanOrEqual(60)
  })

  test.for(programs)('$name', async ({ code, needs, args, result, files, stdout }, { skip }) => {
    const absent = needs.filter((name) => missing.includes(name))
    if (absent.length > 0) skip(`the image has no ${absent.join(', ')}`)
    const answer = await client.run('python', code, args)
    expect(answer).toMatchObject({ status: 'success', exit_code: 0 })
    expect(near(answer.result?.value, result), JSON.stringify(answer.result?.value)).toBe(true)
    expect(answer.stdout).toContain(stdout)
    const came = answer.artifacts.map(({ name, mime_type }) => ({ name, type: mime_type }))
    expect(came).toEqual(expect.arrayContaining([...files]))
    for (const { name, size } of answer.artifacts)
      expect({ name, size }).not.toMatchObject({ size: 0 })
  })
})
