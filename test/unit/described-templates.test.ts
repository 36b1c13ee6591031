import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { loadRuntimes } from '../../src/runtimes/definition.ts'
import { templateFolders } from '../../src/templates/definition.ts'
import { DescribedTemplates } from '../../src/templates/described.ts'

let home: string
let folders: readonly string[]
beforeAll(() => {
  home = mkdtempSync(path.join(tmpdir(), 'described-'))
  const folder = path.join(home, 'templates/wrong')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'template.yaml'), 'runtime: cobol\n')
  folders = templateFolders(projectDir(), home)
})
afterAll(() => rmSync(home, { recursive: true }))

test("an operator's wrong template is an error, a lacking language is not, and each is told once", () => {
  const lines: { level: number; template: string }[] = []
  const stream = new Writable({
    write: (line, _encoding, done) => {
      lines.push(JSON.parse(String(line)))
      done()
    },
  })
  const log = pino({ level: 'info' }, stream)
  const all = loadRuntimes(path.join(projectDir(), 'runtimes'))
  const python = all.filter(({ name }) => name === 'python')
  const described = new DescribedTemplates(folders, python, log)
  for (let i = 0; i < 3; i++) expect(described.valid()).toEqual([])
  expect(described.names()).toEqual(['workspace', 'wrong'])
  expect(lines).toMatchObject([
    { level: 30, template: 'workspace', reason: expect.stringContaining('nodejs') },
    { level: 50, template: 'wrong', err: { code: 'TEMPLATE_INVALID' } },
  ])
  const whole = new DescribedTemplates(folders, all, log)
  expect(whole.valid().map(({ name }) => name)).toEqual(['workspace'])
})
