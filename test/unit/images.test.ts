import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bootstrapArgv, bootstrapProgress } from '../../src/images/debootstrap.ts'
import { dummyPackageControl } from '../../src/images/dummy-package.ts'
import { imageHash, shortHash } from '../../src/images/recipe.ts'
import { downloadOptions, keyringOf, sourceLines } from '../../src/images/sources.ts'
import { parseDefinition, type Runtime } from '../../src/runtimes/definition.ts'

function runtime(image: object = {}, folder = '/nowhere'): Runtime {
  const json = {
    mode: 'script',
    sourceFile: 'main.sh',
    image: { suite: 'bookworm', packages: ['jq'], ...image },
    runner: ['/bin/bash'],
    probe: { code: 'echo ok', stdout: 'ok\n' },
  }
  return { ...parseDefinition(json, 'runtime.json'), name: 'bash', folder }
}

describe('imageHash', () => {
  test('is twelve hexadecimal digits and stays the same for the same recipe', () => {
    expect(imageHash(runtime())).toMatch(/^[0-9a-f]{12}$/)
    expect(imageHash(runtime())).toBe(imageHash(runtime()))
  })

  test.each([
    { packages: ['jq', 'bc'] },
    { suite: 'trixie' },
    { omitPackages: ['perl'] },
    { prune: ['/usr/share/x'] },
    { finish: ['true'] },
  ])('changes with what shapes the image: %j', (image) => {
    expect(imageHash(runtime(image))).not.toBe(imageHash(runtime()))
  })

  test('does not change with what leaves the image as it is', () => {
    const other = { maxBytes: 5, native: [{ source: 'a.c', output: 'a.so' }] }
    expect(imageHash(runtime(other))).toBe(imageHash(runtime()))
  })

  test.each([{ pipLock: 'locked' }, { npmLock: 'locked' }, { files: { '/etc/x': 'locked' } }])(
    "covers the content of the runtime's files: %j",
    (image) => {
      const folder = mkdtempSync(join(tmpdir(), 'recipe-'))
      onTestFinished(() => rmSync(folder, { recursive: true }))
      const withFile = () => imageHash(runtime(image, folder))
      writeFileSync(join(folder, 'locked'), 'six==1.16.0')
      const before = withFile()
      writeFileSync(join(folder, 'locked'), 'six==1.17.0')
      expect(withFile()).not.toBe(before)
    },
  )

  test('moving a byte from one part to the next is another hash', () => {
    expect(shortHash(['ab', 'c'])).not.toBe(shortHash(['a', 'bc']))
  })
})

describe('sourceLines', () => {
  const targets = [
    'Debian|http://mirror.invalid/debian/|bookworm|main',
    'Debian|http://mirror.invalid/debian/|bookworm|contrib',
    'Debian|http://mirror.invalid/debian/|bookworm-updates|main',
    'Debian|http://mirror.invalid/debian-security/|bookworm-security|main',
    'Debian Backports|http://mirror.invalid/debian/|bookworm-backports|main',
    'Somebody|http://else.invalid/apt/|bookworm|main',
  ].join('\n')

  test("are the host's Debian archive, its updates and security, nothing of third parties", () => {
    expect(sourceLines(targets, 'bookworm', 'bookworm', '/k.gpg')).toEqual([
      'deb [signed-by=/k.gpg] http://mirror.invalid/debian bookworm main',
      'deb [signed-by=/k.gpg] http://mirror.invalid/debian bookworm-updates main',
      'deb [signed-by=/k.gpg] http://mirror.invalid/debian-security bookworm-security main',
    ])
  })

  test('can be for another suite than the host runs', () => {
    expect(sourceLines(targets, 'bookworm', 'trixie')[0]).toBe(
      'deb http://mirror.invalid/debian trixie main',
    )
  })

  test('are none on a system that is not Debian', () => {
    expect(sourceLines('Ubuntu|http://u.invalid/|noble|main', 'noble', 'bookworm')).toEqual([])
  })

  test('of Debian 13 are signed by keys that lie here', () => {
    const keys = readFileSync(keyringOf('trixie') as string)
    // Of the archive, of its security updates, of the release. A key's signature of itself names it.
    for (const fingerprint of [
      '04B54C3CDCA79751B16BC6B5225629DF75B188BD',
      '5E04A1E3223A19A20706E20F9904613D4CCE68C6',
      '41587F7DB8C774BCCF131416762F67A0B2C39DE4',
    ]) {
      expect(keys.includes(Buffer.from(fingerprint, 'hex')), fingerprint).toBe(true)
    }
  })

  test('go with the settings a download depends on, and no other', () => {
    const dump = [
      'APT::Install-Recommends "1";',
      'Acquire::http::Proxy "http://proxy.invalid:3128";',
      'Acquire::Check-Valid-Until "false";',
      'DPkg::Post-Invoke:: "reboot";',
    ].join('\n')
    expect(downloadOptions(dump)).toEqual([
      'Acquire::http::Proxy "http://proxy.invalid:3128"',
      'Acquire::Check-Valid-Until "false"',
    ])
  })
})

describe('bootstrap', () => {
  const places = { rootfs: '/h/rootfs', workDir: '/h', packageCache: '/h/cache' }

  test('names suite, target and sources last, in that order', () => {
    const sources = {
      lines: ['deb http://m.invalid bookworm main'],
      keyring: undefined,
      options: ['Acquire::X "y"'],
    }
    const argv = bootstrapArgv(runtime().image, sources, places, '')
    expect(argv.slice(-3)).toEqual(['bookworm', '/h/rootfs', 'deb http://m.invalid bookworm main'])
    expect(argv).toContain('--aptopt=Acquire::X "y"')
    expect(argv.join(' ')).toMatch(/--include=\S*tzdata,jq /)
  })

  test('includes the dummy package when packages are to be kept out', () => {
    const argv = bootstrapArgv(
      runtime().image,
      { lines: [], keyring: '/k.gpg', options: [] },
      places,
      '/h/s.deb',
    )
    expect(argv).toContain('--keyring=/k.gpg')
    expect(argv).toContain('--include=/h/s.deb')
    expect(dummyPackageControl(['perl', 'gcc'])).toContain(
      'Provides: perl (= 99999), gcc (= 99999)\n',
    )
  })

  test('progress never runs backwards and tells the phase', () => {
    const seen: [string, number][] = []
    const follow = bootstrapProgress((phase, percent) => seen.push([phase, percent]))
    for (const line of [
      'I: running apt-get update...',
      'I: downloading packages with apt...',
      'I: installing essential packages...',
      'Setting up libc6 (1)',
      'I: installing remaining packages inside the chroot...',
      '0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.',
      ...['Unpacking a', 'Unpacking b', 'Setting up a', 'Setting up b'],
      'I: cleaning package lists and apt cache...',
    ]) {
      follow(line)
    }
    const percents = seen.map(([, percent]) => percent)
    expect(percents).toEqual([...percents].sort((a, b) => a - b))
    expect(seen.at(-2)).toEqual(['installing packages', 95])
  })
})
