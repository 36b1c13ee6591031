import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { KEY, url } from './service.ts'

describe('examples', () => {
  test.each([
    ['mcp', '42\\n'],
    ['dify', '"stdout":"3\\n"'],
    ['librechat', '"stdout":"42\\n"'],
    ['open-webui', '"execution_state":"starting"'],
    ['jobe', '"stdout":"42\\n"'],
    ['judge0', '"description":"Accepted"'],
    ['piston', '"output":"42\\n"'],
    ['ragflow', '"value":42'],
  ])('that of docs/doors/%s.md runs', async (door, output) => {
    const page = readFileSync(`docs/doors/${door}.md`, 'utf8')
    const [, script = ''] = /```sh\n([\s\S]+?)```/.exec(page) ?? []
    const here = script.replace('http://127.0.0.1:9385', url.service).replace(/\bKEY\b/, KEY)
    const { stdout } = await promisify(execFile)('sh', ['-c', here])
    expect(stdout).toContain(output)
  })
})
