import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { type Answer, Client } from '../support/client.ts'
import { openManager, type Settings } from '../support/manager.ts'

const FOLDER = path.join(projectDir(), 'test/corpus/honest')
const LANGUAGES: Record<string, string> = { '.py': 'python', '.js': 'nodejs' }
/** How many programs run at a time. */
const LANES = 3

/** What an answer says that must not depend on how its executor was made. */
function essence({ status, stdout, stderr, exit_code, artifacts, result }: Answer) {
  // A chart may carry the time at which it was made.
  return { status, stdout, stderr, exit_code, artifacts: artifacts.map(({ name }) => name), result }
}

async function runCorpus(settings: Settings): Promise<Map<string, unknown>> {
  const manager = await openManager({ poolSize: 2, ...settings })
  const client = new Client()
  const answers = new Map<string, unknown>()
  try {
    client.url = await manager.start()
    const programs = readdirSync(FOLDER)
    const lane = async () => {
      for (let name = programs.pop(); name !== undefined; name = programs.pop()) {
        const language = LANGUAGES[path.extname(name)] as string
        const code = readFileSync(path.join(FOLDER, name), 'utf8')
        answers.set(name, essence(await client.run(language, code)))
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
  } finally {
    await manager.stop()
  }
  return answers
}

describe('honest programs', () => {
  test('answer the same in a restored executor and in one of a cold start', async () => {
    const limits = { wallTimeMs: 20_000 }
    const restored = await runCorpus({ limits })
    const cold = await runCorpus({ limits, snapshots: false })
    expect(restored.size).toBeGreaterThanOrEqual(60)
    for (const [name, answer] of restored)
      expect({ name, answer }).toEqual({ name, answer: cold.get(name) })
  }, 400_000)
})
