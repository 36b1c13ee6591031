import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { capabilitiesOf } from '../../src/engine/runsc/capabilities.ts'
import { inNetwork, restoreCommand, snapshotFlags } from '../../src/engine/runsc/command.ts'
import { findSidecars } from '../../src/engine/runsc/sidecars.ts'
import { describeRunsc } from '../../src/setup/runsc.ts'
import { parseFlags, probeRunsc } from '../../src/setup/runsc-probe.ts'

const OLD = { version: '0.0~20240729.0', flags: ['root', 'platform'] }
const CURRENT = {
  version: 'release-20260905.0',
  flags: ['root', 'platform', 'shared-root', 'sidecar-usage-policy'],
}

const setting = {
  runscPath: '/bin/runsc',
  platform: 'systrap' as const,
  sharedFolder: '/run/x/shared',
  stateFolder: '/run/x/python-1',
  hasNetwork: false,
  hasRootImage: false,
}

describe('capabilities', () => {
  test('of the oldest that is taken and of a current one', () => {
    expect(capabilitiesOf(OLD)).toEqual({
      sharedRoot: false,
      sidecars: false,
      erofsRoot: false,
      confusesNetworks: true,
    })
    expect(capabilitiesOf(CURRENT)).toEqual({
      sharedRoot: true,
      sidecars: true,
      erofsRoot: true,
      confusesNetworks: false,
    })
  })

  test.each([
    ['release-20240930.0', { erofsRoot: false, confusesNetworks: false }],
    ['release-20260504.0', { erofsRoot: true }],
    ['release-20260427.0', { erofsRoot: false }],
    ['0b3bfc1', { erofsRoot: false }],
  ])('%s', (version, expected) => {
    expect(capabilitiesOf({ version, flags: [] })).toMatchObject(expected)
  })

  test('a shared folder is named to a runsc that knows the flag, and to no other', () => {
    const command = (facts: typeof OLD) =>
      restoreCommand({ ...setting, capabilities: capabilitiesOf(facts) }, '/b', 'id', '/i')
    expect(command(CURRENT)).toContain('--shared-root=/run/x/shared')
    expect(command(OLD).join(' ')).not.toContain('shared-root')
  })

  test('what a snapshot depends on names no folder of this manager', () => {
    const flags = (hasRootImage: boolean) =>
      snapshotFlags({ ...setting, capabilities: capabilitiesOf(CURRENT) }, hasRootImage)
    expect(flags(true).join(' ')).not.toContain('/run/')
    expect(flags(true)).not.toEqual(flags(false))
  })

  test('with the image as a file the sentry has no file system calls of the host', () => {
    const command = (hasRootImage: boolean) =>
      restoreCommand(
        { ...setting, hasRootImage, capabilities: capabilitiesOf(CURRENT) },
        '/b',
        'id',
        '/i',
      )
    expect(command(true)).toContain('--directfs=false')
    expect(command(false).join(' ')).not.toContain('directfs')
  })

  test('the sysctl folder is hidden from a runsc that would mistake the namespace', () => {
    const command = (facts: typeof OLD) =>
      inNetwork(capabilitiesOf(facts), '/ns', ['runsc']).join(' ')
    expect(command(OLD)).toContain('/proc/sys/net/core')
    expect(command(CURRENT)).toBe('nsenter --net=/ns -- runsc')
  })
})

describe('the probe of a binary', () => {
  test('reads flags as Go prints them', () => {
    const printed =
      '  -root string\n    \tfolder -not-a-flag\n  -h\tequivalent\n  -shared-root string\n'
    expect(parseFlags(printed)).toEqual(['root', 'h', 'shared-root'])
  })

  test('asks once, and again when the file has changed', () => {
    const folder = ownFolder()
    const asked = path.join(folder, 'asked')
    const runsc = writeRunsc(folder, asked, 'release-20260101.0')
    expect(probeRunsc(runsc, folder)).toEqual({ version: 'release-20260101.0', flags: ['root'] })
    expect(probeRunsc(runsc, folder)?.version).toBe('release-20260101.0')
    expect(readFileSync(asked, 'utf8')).toBe('--version\nflags\n')
    writeRunsc(folder, asked, 'release-20260202.22')
    expect(probeRunsc(runsc, folder)?.version).toBe('release-20260202.22')
  })

  test('two binaries do not push each other out', () => {
    const folder = ownFolder()
    const paths = ['a', 'b'].map((name) => {
      mkdirSync(path.join(folder, name))
      return writeRunsc(path.join(folder, name), path.join(folder, 'asked'), 'release-20260101.0')
    })
    for (const file of [...paths, ...paths]) probeRunsc(file, folder)
    expect(readFileSync(path.join(folder, 'asked'), 'utf8').split('\n')).toHaveLength(5)
  })

  test('a file that is no runsc is none', () => {
    expect(probeRunsc('/bin/true', ownFolder())).toBeUndefined()
    expect(probeRunsc('/nowhere/runsc', ownFolder())).toBeUndefined()
    expect(describeRunsc('/nowhere/runsc', ownFolder())).toBeUndefined()
  })
})

describe('programs beside runsc', () => {
  test('are found beside the file, through a link, and where the variable says', () => {
    const folder = ownFolder()
    const runsc = writeRunsc(folder, path.join(folder, 'asked'), 'release-20260905.0')
    expect(findSidecars(runsc, {})).toBeNull()
    const beside = path.join(folder, 'gvisor-bin')
    mkdirSync(beside)
    writeFileSync(path.join(beside, 'gvisor_sentry'), 'x')
    expect(findSidecars(runsc, {}), 'not executable').toBeNull()
    chmodSync(path.join(beside, 'gvisor_sentry'), 0o755)
    expect(findSidecars(runsc, {})?.folder).toBe(beside)
    const link = path.join(ownFolder(), 'runsc')
    symlinkSync(runsc, link)
    const found = findSidecars(link, {})
    expect(found?.folder).toBe(beside)
    expect(found?.files).toEqual([expect.stringMatching(/^gvisor_sentry 1 \d/)])
    expect(findSidecars(runsc, { GVISOR_SIDECAR_BINARIES_DIR: '/nowhere' })).toBeNull()
    expect(findSidecars('/bin/true', { GVISOR_SIDECAR_BINARIES_DIR: beside })?.folder).toBe(beside)
  })
})

/** A script that answers as a runsc and notes what it was asked. */
function writeRunsc(folder: string, asked: string, version: string): string {
  const file = path.join(folder, 'runsc')
  const answer = `[ "$1" = flags ] && printf '  -root string\\n' >&2 || echo 'runsc version ${version}'`
  writeFileSync(file, `#!/bin/sh\necho "$1" >>'${asked}'\n${answer}\n`)
  chmodSync(file, 0o755)
  return file
}

function ownFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-runsc-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
