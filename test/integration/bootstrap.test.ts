import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { projectDir } from '../../src/config.ts'

/**
 * A project as a fresh clone is, with the real bootstrap. Its set-up only says that it was reached, and
 * its npm takes a moment and complains about what somebody else left half done.
 */
function freshClone() {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-clone-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const at = (...names: string[]) => path.join(folder, ...names)
  const isOurs = (file: string) => !file.includes('node_modules')
  cpSync(path.join(projectDir(), 'scripts'), at('scripts'), { recursive: true, filter: isOurs })
  for (const name of ['setup', 'doctor']) mkdirSync(at('src', name), { recursive: true })
  const cli = `
import { existsSync } from 'node:fs'
export const setup = () => (existsSync('node_modules/whole') ? 0 : 3)
`
  writeFileSync(at('src/setup/cli.ts'), cli)
  writeFileSync(at('src/doctor/cli.ts'), 'export const doctor = () => 0')
  writeFileSync(at('package.json'), '{ "type": "module" }')
  writeFileSync(at('package-lock.json'), '{}')
  mkdirSync(at('bin'))
  const npm = `#!/bin/sh
echo begin >>npm.log
mkdir node_modules || { echo collision >>npm.log; exit 1; }
sleep 0.5
[ -e node_modules ] || echo collision >>npm.log
echo >node_modules/whole
echo end >>npm.log
`
  writeFileSync(at('bin/npm'), npm, { mode: 0o755 })
  return {
    /** Resolves with the exit code and what was said. */
    async run(command: string) {
      const child = spawn(process.execPath, ['scripts/bootstrap.mjs', command], {
        cwd: folder,
        env: { PATH: `${at('bin')}:${process.env.PATH}` },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString()
        })
      }
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, said }
    },
    files: () => readdirSync(folder).sort(),
    npmLog: () => readFileSync(at('npm.log'), 'utf8').trim().split('\n'),
  }
}

test('some commands at once install once; a doctor beside them changes nothing', async () => {
  const clone = freshClone()
  const commands = ['setup', 'doctor', 'setup', 'doctor', 'setup']
  const ends = await Promise.all(commands.map((command) => clone.run(command)))
  for (const [index, { code, said }] of ends.entries()) {
    if (commands[index] === 'setup') expect({ code, said }).toMatchObject({ code: 0 })
  }
  expect(clone.npmLog()).toEqual(['begin', 'end'])
})

test('the doctor of a fresh clone says what it misses itself, and installs nothing', async () => {
  const clone = freshClone()
  const before = clone.files()
  const { code, said } = await clone.run('doctor')
  expect(code).toBe(1)
  expect(said).toMatch(/npm packages +not installed[\s\S]*npm run setup/)
  expect(clone.files()).toEqual(before)
  expect((await clone.run('setup')).code).toBe(0)
  expect((await clone.run('doctor')).code).toBe(0)
})
