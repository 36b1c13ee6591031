import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { findOnPath } from '../../src/setup/host.ts'

/** A host without mmdebstrap and gcc, whose apt-get says what it was asked and installs nothing. */
function bareHost() {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-host-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const bin = path.join(folder, 'bin')
  const log = path.join(folder, 'apt.log')
  mkdirSync(bin)
  for (const tool of ['sh', 'flock', 'setpriv'])
    symlinkSync(findOnPath(tool) as string, path.join(bin, tool))
  for (const tool of ['apt-get', 'dpkg']) {
    const script = `#!/bin/sh\necho "${tool} $*" >>'${log}'\n[ "$1" != install ]\n`
    writeFileSync(path.join(bin, tool), script, { mode: 0o755 })
  }
  return {
    setup(...args: string[]) {
      const { status, stderr } = spawnSync(
        process.execPath,
        ['scripts/bootstrap.mjs', 'setup', ...args],
        {
          cwd: projectDir(),
          encoding: 'utf8',
          env: { PATH: bin, EXECUTOR_MANAGER_HOME: path.join(folder, 'home') },
        },
      )
      return { status, stderr }
    },
    asked: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
  }
}

test('--no-install: the packages are named, none is installed', () => {
  const host = bareHost()
  const { status, stderr } = host.setup('--no-install')
  expect(status).toBe(1)
  expect(stderr).toMatch(/lacks mmdebstrap \(makes the images\), .*gcc \(compiles the supervisor\)/)
  expect(stderr).toMatch(/--no-install forbids .*: run apt-get install mmdebstrap .*gcc/)
  expect(host.asked()).toEqual([])
})

test('without it, it says first what it installs and why', () => {
  const host = bareHost()
  const { status, stderr } = host.setup()
  expect(status).toBe(1)
  const [said = '', done = ''] = stderr.split('host packages: installing')
  expect(said).toMatch(
    /mmdebstrap \(makes the images\), .*will be installed \(--no-install refuses/,
  )
  expect(done).toMatch(/Installing mmdebstrap .*failed \(exit status 1\)/)
  expect(host.asked().map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'dpkg --configure',
    'apt-get update',
    'apt-get install',
  ])
})
