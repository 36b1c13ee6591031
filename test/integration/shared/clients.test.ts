import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { ExecutorManager } from '../../../clients/typescript/src/index.ts'
import { projectDir } from '../../../src/config.ts'
import { runCommand } from '../../support/command-line.ts'
import { examplesOf } from '../../support/readme-examples.ts'
import { useShared } from '../../support/shared-manager.ts'

/**
 * The client in TypeScript against real sandboxes: its document's examples, and what those do not show. Python's
 * has to be installed first: test/long/client-packages.test.ts.
 */

const { client: manager } = useShared()
const folder = mkdtempSync(path.join(tmpdir(), 'clients-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('TypeScript', () => {
  const source = pathToFileURL(path.join(projectDir(), 'clients/typescript/src/index.ts')).href

  test.each(examplesOf('clients/typescript/README.md', 'ts'))(
    'the example of "$name" prints what the README says',
    async ({ code, output }) => {
      const file = path.join(folder, 'example.mts')
      writeFileSync(file, code.replaceAll('executor-manager-client', source))
      const env = { EXECUTOR_MANAGER_URL: manager.url, NODE_NO_WARNINGS: '1' }
      const end = await runCommand(process.execPath, [file], { env })
      expect(end).toEqual({ code: 0, stdout: output, stderr: '' })
    },
  )

  test('leaving the loop cancels the run, and its executor is free for another', async () => {
    const client = new ExecutorManager({ url: manager.url })
    const code = 'import time\nprint(1, flush=True)\ntime.sleep(15)'
    for (let time = 0; time < 4; time++) {
      for await (const { event } of client.stream({ language: 'python', code })) {
        if (event === 'stdout') break
      }
    }
    expect(await client.run({ language: 'python', code: 'print(2)' })).toMatchObject({
      stdout: '2\n',
    })
  })

  test('bytes of any size go in and come back', async () => {
    const client = new ExecutorManager({ url: manager.url })
    const content = new Uint8Array(1_000_003).map((_, index) => index * 7)
    const code = 'import shutil; shutil.copy("in.bin", "out.bin")'
    const files = [{ path: 'in.bin', content }]
    const outcome = await client.run({ language: 'python', code, files })
    expect(outcome.status).toBe('succeeded')
    const back = Buffer.from(outcome.files[0]?.content_base64 ?? '', 'base64')
    expect(back.equals(content)).toBe(true)
  })
})
