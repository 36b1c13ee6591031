import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import type { ExecutorManager } from '../../src/manager.ts'
import { openManager } from '../support/manager.ts'
import { PackageIndex } from '../support/package-index.ts'
import { makePrivateHome } from '../support/private-home.ts'
import {
  removeTemplateImages,
  runWith,
  servedTemplate,
  writeTemplate,
} from '../support/templates.ts'

const NAME = 'libraries-test'
const index = new PackageIndex()
let home = ''
let manager: ExecutorManager
let url = ''

beforeAll(async () => {
  await index.open()
  index.addWheel('tinylib', '1.0', 'VERSION = "1.0"\n')
  process.env.PIP_INDEX_URL = `${index.url}/simple/`
  home = makePrivateHome()
  removeTemplateImages(home, [NAME])
  writeTemplate(home, NAME, {
    'template.yaml': 'runtime: python\npreload: [tinylib]\nlimits: {wall_ms: 5000}\n',
    'requirements.txt': 'tinylib==1.0\n',
  })
  manager = await openManager({ home, runtimes: ['python'], logLevel: 'error' })
  url = await manager.start()
  // It is built in the background.
  await servedTemplate(url, NAME)
}, scaledMs(300_000))

afterAll(async () => {
  await manager?.stop()
  index.close()
  removeTemplateImages(home, [NAME])
  rmSync(home, { recursive: true, force: true })
})

test('a service builds a template that is new, and serves it without a restart', async () => {
  const told = await servedTemplate(url, NAME)
  expect(told.languages).toContain('python')
  expect(told.libraries).toContainEqual({ name: 'tinylib', version: '1.0' })
  expect(told.preloaded).toContain('tinylib')

  const code = 'import sys; print("tinylib" in sys.modules); import tinylib; print(tinylib.VERSION)'
  expect(await runWith(url, { template: NAME, code })).toMatchObject({
    status: 200,
    stdout: 'False\n1.0\n',
  })
  const other = await runWith(url, { language: 'python', code: 'import tinylib' })
  expect(other.stderr).toContain("No module named 'tinylib'")
})

test('a template that is not there is named, with those that are', async () => {
  const answer = await runWith(url, { template: 'nothing', code: '' })
  expect(answer.status).toBe(400)
  expect(answer.detail).toMatch(`template: there is no such template; there are python, ${NAME}`)
  const response = await fetch(`${url}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code_b64: '', template: 'nothing' }),
  })
  expect(response.status).toBe(422)
  expect(await response.json()).toMatchObject({
    detail: [{ loc: ['body', 'template'], msg: `Input should be 'python', '${NAME}'` }],
  })
})

test('RAGFlow may name it too', async () => {
  const code = Buffer.from('import tinylib\ndef main(): return tinylib.VERSION').toString('base64')
  const response = await fetch(`${url}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code_b64: code, template: NAME }),
  })
  expect(await response.json()).toMatchObject({ status: 'success', result: { value: '1.0' } })
})
