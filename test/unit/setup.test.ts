import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  isRunscRecent,
  parseRunscVersion,
  runscDate,
} from '../../src/engine/runsc/runsc-version.ts'
import { runCommand } from '../../src/lib/command.ts'
import { defaultHome } from '../../src/setup/home.ts'
import { parseOsRelease, wayOf } from '../../src/setup/host.ts'
import { describe as describePackages } from '../../src/setup/host-packages.ts'
import { withSetupLock } from '../../src/setup/lock.ts'
import { privateAptOptions, runscSuite } from '../../src/setup/runsc.ts'

describe('runsc version', () => {
  test.each([
    ['runsc version 0.0~20240729.0\nspec: 1.0.2-dev', '0.0~20240729.0', 20240729, true],
    ['runsc version release-20250113.0\nspec: 1.1.0', 'release-20250113.0', 20250113, true],
    ['runsc version 0.0~20221219.0\n', '0.0~20221219.0', 20221219, false],
    ['runsc version 0b3bfc1\n', '0b3bfc1', undefined, false],
  ])('%j', (output, version, date, isRecent) => {
    expect(parseRunscVersion(output)).toBe(version)
    expect(runscDate(version)).toBe(date)
    expect(isRunscRecent(version)).toBe(isRecent)
  })

  test('no version in what some other program prints', () => {
    expect(parseRunscVersion('usage: runsc <flags>')).toBeUndefined()
  })
})

describe('os-release', () => {
  const debian12 = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
`
  const debian13 = debian12.replaceAll('12', '13').replaceAll('bookworm', 'trixie')
  const ubuntu24 = `PRETTY_NAME="Ubuntu 24.04.3 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=noble
`
  const ubuntu22 = ubuntu24.replaceAll('24.04', '22.04').replaceAll('noble', 'jammy')

  test.each([
    [debian12, 'debian', 12, 'bookworm', 'debian'],
    [debian13, 'debian', 13, 'trixie', 'debian'],
    [debian12.replaceAll('12', '11'), 'debian', 11, 'bookworm', 'image'],
    [ubuntu22, 'ubuntu', 22, 'jammy', 'ubuntu'],
    [ubuntu24, 'ubuntu', 24, 'noble', 'ubuntu'],
    [ubuntu24.replaceAll('24.04', '20.04'), 'ubuntu', 20, 'noble', 'image'],
    ['ID=fedora\nVERSION_ID=43\nVERSION_CODENAME=""\n', 'fedora', 43, '', 'image'],
    ["ID='alpine'\nVERSION_ID=3.22.1\n", 'alpine', 3, '', 'image'],
    ['ID=debian\r\nVERSION_ID="12"  \r\n', 'debian', 12, '', 'debian'],
    ['', '', Number.NaN, '', 'image'],
  ])('%j', (text, id, version, codename, kind) => {
    const host = parseOsRelease(text)
    expect(host).toMatchObject({ id, version, codename })
    expect(wayOf(host).kind).toBe(kind)
  })

  test('a quoted name is read as a shell reads it', () => {
    expect(parseOsRelease('PRETTY_NAME="A \\"B\\" \\$C"').prettyName).toBe('A "B" $C')
    expect(parseOsRelease('# PRETTY_NAME=no').prettyName).toBe('an unknown Linux')
  })

  test('a host that the set-up does not know is sent to the image', () => {
    expect(wayOf(parseOsRelease('ID=fedora')).text).toContain('deploy/Dockerfile')
  })
})

test('host packages are told with their purpose', () => {
  const packages = [
    { name: 'gcc', why: 'compiles' },
    { name: 'mount', why: 'mounts' },
  ]
  expect(describePackages(packages)).toBe('gcc (compiles), mount (mounts)')
})

describe('where runsc comes from', () => {
  test.each([
    ['ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n', 'bookworm-backports'],
    ['ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n', 'trixie'],
    ['ID=debian\nVERSION_ID="11"\nVERSION_CODENAME=bullseye\n', undefined],
    ['ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n', undefined],
    ['', undefined],
  ])('%j', (osRelease, suite) => {
    expect(runscSuite(parseOsRelease(osRelease))).toBe(suite)
  })

  test("apt keeps to its own folder and takes the host's proxy along", () => {
    const options = privateAptOptions('/w', ['Acquire::http::Proxy "http://p.invalid"'])
    expect(options).toContain('Dir::Etc::sourceparts=/dev/null')
    expect(options).toContain('Dir::State::lists=/w/lists')
    expect(options).toContain('Acquire::http::Proxy=http://p.invalid')
  })
})

describe('defaultHome', () => {
  test('is var under the project unless the environment names one', () => {
    expect(defaultHome('/p', {})).toBe('/p/var')
    expect(defaultHome('/p', { EXECUTOR_MANAGER_HOME: '/data' })).toBe('/data')
  })
})

describe('runCommand', () => {
  const words = { purpose: 'Trying it', remedy: 'Try again.' }

  test('returns what the command prints', async () => {
    expect(await runCommand(['printf', 'a\nb'], words)).toBe('a\nb')
  })

  test('a failure is one sentence with its remedy, the last lines are kept apart', async () => {
    const failure = runCommand(['sh', '-c', 'echo why >&2; exit 3'], words)
    await expect(failure).rejects.toMatchObject({
      code: 'SETUP_FAILED',
      message: 'Trying it failed (exit status 3). Try again.',
      cause: { tail: ['why'] },
    })
  })

  test('so is a command that is not there', async () => {
    await expect(runCommand(['/not/there'], words)).rejects.toMatchObject({ code: 'SETUP_FAILED' })
  })

  test('a time limit ends a command and what it started', async () => {
    // It would hold the pipe, and this test, for 30 s otherwise.
    const hanging = runCommand(['sh', '-c', 'sleep 30 & sleep 30'], { ...words, timeoutMs: 50 })
    await expect(hanging).rejects.toMatchObject({ code: 'SETUP_FAILED' })
  })
})

describe('withSetupLock', () => {
  function lockFile(): string {
    const folder = mkdtempSync(join(tmpdir(), 'lock-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    return join(folder, 'setup.lock')
  }
  const quiet = () => {}

  test('gives the lock back after a failure', async () => {
    const file = lockFile()
    const failing = withSetupLock(file, quiet, () => Promise.reject(new Error('no luck')))
    await expect(failing).rejects.toThrow('no luck')
    expect(await withSetupLock(file, quiet, async () => 'done')).toBe('done')
  })

  test('what an older version left in the file means nothing', async () => {
    const file = lockFile()
    writeFileSync(file, `${process.pid} 1`)
    expect(await withSetupLock(file, quiet, async () => 'done')).toBe('done')
  })

  test('a killed holder has none', async () => {
    const file = lockFile()
    writeFileSync(file, '')
    const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo held; exec cat'], {
      detached: true,
    })
    await once(holder.stdout, 'data')
    const said: string[] = []
    const work = withSetupLock(
      file,
      (text) => {
        said.push(text)
        process.kill(-(holder.pid as number), 'SIGKILL')
      },
      async () => 'done',
    )
    expect(await work).toBe('done')
    expect(said).toEqual(['waiting for another set-up to end'])
  })

  test('some at once come one after the other', async () => {
    const file = lockFile()
    const order: string[] = []
    const job = (name: string) => async () => {
      order.push(`${name} begins`)
      await new Promise((resolve) => setTimeout(resolve, 20))
      order.push(`${name} ends`)
    }
    const names = ['a', 'b', 'c', 'd']
    await Promise.all(names.map((name) => withSetupLock(file, quiet, job(name))))
    for (let i = 0; i < order.length; i += 2) {
      expect(order[i + 1]).toBe(order[i]?.replace('begins', 'ends'))
    }
    expect(order).toHaveLength(2 * names.length)
  })
})
