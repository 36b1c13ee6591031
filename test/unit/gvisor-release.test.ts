import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ageOf } from '../../src/engine/runsc/runsc-version.ts'
import { downloadedRunsc, downloadRelease, isDownloadDue } from '../../src/setup/gvisor-release.ts'
import { dueDownload, ensureRunsc, findRunsc } from '../../src/setup/runsc.ts'
import { parseReleaseSource, readRunscChoice } from '../../src/setup/runsc-choice.ts'

const PATIENCE = { answerMs: 1000, stallMs: 1000 }
const TARBALL = '/gvisor.tar.bz2'
const CHECKSUM = `${TARBALL}.sha512`

describe('a download of gVisor', () => {
  test('is put in its place with the programs beside it, and found from then on', async () => {
    const home = ownFolder()
    const source = await serve(files(makeTarball('release-20260905.0')))
    expect(isDownloadDue(home, source)).toBe(true)
    const { said, runsc } = await download(home, source)
    expect(said).not.toContain('no gVisor release')
    expect(runsc).toBe(path.join(home, 'gvisor/release-20260905.0/runsc'))
    expect(downloadedRunsc(home)).toBe(runsc)
    expect(isDownloadDue(home, source)).toBe(false)
    const found = findRunsc(home, { path: null, download: source })
    expect(found).toMatchObject({ runscPath: runsc, runscVersion: 'release-20260905.0' })
    expect(found?.sidecars?.folder).toBe(path.join(path.dirname(runsc as string), 'gvisor-bin'))
    // Another user has to reach it.
    for (const file of [home, path.join(home, 'gvisor'), path.dirname(runsc as string), runsc]) {
      if (file !== home) expect(statSync(file as string).mode & 0o005, file).toBe(0o005)
    }
    expectNoDrafts(home)
  })

  test('of another release is due again, and takes the place of the first', async () => {
    const home = ownFolder()
    const first = await serve(files(makeTarball('release-20260101.0')))
    const second = await serve(files(makeTarball('release-20260202.0')))
    await download(home, first)
    expect(isDownloadDue(home, second)).toBe(true)
    const { runsc } = await download(home, second)
    expect(downloadedRunsc(home)).toBe(runsc)
    // A manager may run from the first.
    expect(existsSync(path.join(home, 'gvisor/release-20260101.0/runsc'))).toBe(true)
  })

  const tarball = () => makeTarball('release-20260905.0')
  test.each<[string, string, () => RequestListener]>([
    ['a checksum of something else', 'published checksum', () => files(tarball(), 'f'.repeat(128))],
    ['no tarball', 'HTTP 404', () => files(null)],
    ['no checksum', 'HTTP 404', () => files(tarball(), null)],
    ['a page instead of a checksum', 'holds no checksum', () => files(tarball(), '<html>')],
    ['an answer that never comes', 'did not answer in time', () => () => {}],
    ['a tarball that stops', 'no more data', () => cut(tarball(), false)],
    ['a tarball that is cut off', '', () => cut(tarball(), true)],
    ['another place', '', () => (_, reply) => void reply.writeHead(302, { location: '/x' }).end()],
    ['a release that is too old', 'older than', () => files(makeTarball('release-20240101.0'))],
    ['something that is no tarball', 'Unpacking', () => files(Buffer.from('no tarball'))],
  ])('that meets %s is left out with one line, and remembered', async (_, why, listener) => {
    const home = ownFolder()
    const source = await serve(listener())
    const { said, runsc } = await download(home, source)
    expect(runsc).toBeUndefined()
    const lines = said.split('\n').filter((line) => line.includes('no gVisor release'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(why)
    expect(downloadedRunsc(home)).toBeUndefined()
    expect(isDownloadDue(home, source)).toBe(false)
    expectNoDrafts(home)
    // A day later it is due again, and another source is due at once.
    const failed = path.join(home, 'gvisor/failed.json')
    const longAgo = new Date(statSync(failed).mtimeMs - 25 * 3600 * 1000)
    utimesSync(failed, longAgo, longAgo)
    expect(isDownloadDue(home, source)).toBe(true)
  })

  test('from a port where nobody listens says so, and Debian or the PATH is next', async () => {
    const home = ownFolder()
    const source = await serve(() => {})
    const nobody = { name: source.name, url: 'http://127.0.0.1:9' }
    const { said } = await download(home, nobody)
    expect(said).toMatch(/no gVisor release from http:\/\/127\.0\.0\.1:9 \(\S/)
    expect(dueDownload(home, { path: null, download: nobody })).toBeNull()
  })
})

describe('which runsc is used', () => {
  test('a runsc of the PATH or the setting makes a download needless', async () => {
    const bin = ownFolder()
    const home = ownFolder()
    const source = await serve(() => {})
    writeRunsc(bin, 'release-20260101.0')
    expect(dueDownload(home, { path: path.join(bin, 'runsc'), download: source })).toBeNull()
    vi.stubEnv('PATH', `${bin}:${process.env.PATH}`)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(dueDownload(home, { path: null, download: source })).toBeNull()
    expect(findRunsc(home, { path: null, download: source })?.runscPath).toBe(`${bin}/runsc`)
    writeRunsc(bin, 'release-20230101.0')
    expect(dueDownload(home, { path: null, download: source })).toEqual(source)
  })

  test("the setting's comes before the PATH's, and is not replaced when it is unfit", async () => {
    const [bin, named, home] = [ownFolder(), ownFolder(), ownFolder()]
    writeRunsc(bin, 'release-20260101.0')
    writeRunsc(named, 'release-20260202.0')
    vi.stubEnv('PATH', `${bin}:${process.env.PATH}`)
    onTestFinished(() => void vi.unstubAllEnvs())
    const choice = { path: `${named}/runsc`, download: null }
    expect(findRunsc(home, choice)?.runscVersion).toBe('release-20260202.0')
    writeRunsc(named, 'release-20230202.0.0')
    expect(findRunsc(home, choice)).toBeUndefined()
    await expect(ensureRunsc(home, () => {}, choice)).rejects.toThrow(
      /EXECUTOR_MANAGER_RUNSC: .* is version release-20230202.0.0/,
    )
    const nowhere = { path: '/nowhere/runsc', download: null }
    await expect(ensureRunsc(home, () => {}, nowhere)).rejects.toThrow(/no runsc that runs here/)
  })

  test.each([
    ['latest', /^https:\/\/.*\/latest\/(x86_64|aarch64)$/],
    ['20260905', /\/20260905\//],
    ['20260905.1', /\/20260905\.1\//],
    ['https://mirror.example.org/gvisor/{arch}/', /^https:\/\/mirror.*\/gvisor\/(x86_64|aarch64)$/],
    ['http://127.0.0.1:1/x', /^http:\/\/127/],
  ])('%s is a source', (text, url) => {
    expect(parseReleaseSource(text)?.url).toMatch(url)
  })

  test('none is no source; what is no address, or not safe, is refused', () => {
    expect(parseReleaseSource('none')).toBeNull()
    for (const text of [
      'newest',
      '2026',
      'http://example.org/x',
      'file:///x',
      'ftp://127.0.0.1/x',
    ]) {
      expect(parseReleaseSource(text), text).toBeUndefined()
    }
    expect(readRunscChoice({}).path).toBeNull()
    expect(readRunscChoice({}).download?.name).toBe('latest')
    expect(readRunscChoice({ EXECUTOR_MANAGER_RUNSC: 'bin/runsc' }).path).toBe(
      path.resolve('bin/runsc'),
    )
  })

  test.each([
    ['release-20260905.0', '86 days old', false],
    ['0.0~20240729.0', 'older than a year: holes found since are not closed', true],
    ['0b3bfc1', 'of unknown age', false],
  ])('the age of %s', (version, text, isOld) => {
    expect(ageOf(version, Date.parse('2026-11-30T12:00:00Z'))).toEqual({ text, isOld })
  })
})

async function download(home: string, source: { name: string; url: string }) {
  const lines: string[] = []
  const runsc = await downloadRelease(home, source, (line) => lines.push(line), PATIENCE)
  return { said: lines.join('\n'), runsc }
}

/** A server of the test's own. @returns it as a source */
async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { name: 'test', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** @param checksum the right one by default; null: there is none */
function files(
  tarball: Buffer | null,
  checksum: string | null = tarball && createHash('sha512').update(tarball).digest('hex'),
): RequestListener {
  const content = new Map<string | undefined, Buffer | string | null>([
    [TARBALL, tarball],
    [
      CHECKSUM,
      checksum === null && tarball ? null : `${checksum ?? 'a'.repeat(128)}  gvisor.tar.bz2\n`,
    ],
  ])
  return ({ url }, reply) => {
    const found = content.get(url)
    if (found === null || found === undefined) reply.writeHead(404)
    reply.end(found ?? '')
  }
}

/** The right checksum, and half of the tarball. */
function cut(tarball: Buffer, isClosed: boolean): RequestListener {
  const whole = files(tarball)
  return (request, reply) => {
    if (request.url !== TARBALL) return whole(request, reply)
    reply.writeHead(200, { 'content-length': tarball.length })
    reply.write(tarball.subarray(0, tarball.length / 2), () => isClosed && reply.destroy())
  }
}

/** As gVisor's: runsc, gvisor-bin/ and the shim, at the top. */
function makeTarball(version: string): Buffer {
  const tree = ownFolder()
  writeRunsc(tree, version)
  mkdirSync(path.join(tree, 'gvisor-bin'))
  writeFileSync(path.join(tree, 'gvisor-bin/gvisor_sentry'), 'sentry')
  chmodSync(path.join(tree, 'gvisor-bin/gvisor_sentry'), 0o755)
  const file = path.join(ownFolder(), 'gvisor.tar.bz2')
  execFileSync('tar', [
    '--create',
    '--bzip2',
    `--file=${file}`,
    `--directory=${tree}`,
    'runsc',
    'gvisor-bin',
  ])
  return readFileSync(file)
}

function writeRunsc(folder: string, version: string): void {
  const answer = `[ "$1" = flags ] && printf '  -sidecar-usage-policy value\\n' || echo 'runsc version ${version}'`
  writeFileSync(path.join(folder, 'runsc'), `#!/bin/sh\n${answer}\n`)
  chmodSync(path.join(folder, 'runsc'), 0o755)
}

function expectNoDrafts(home: string): void {
  const names = readdirSync(path.join(home, 'gvisor'))
  expect(names.filter((name) => name.startsWith('.'))).toEqual([])
}

function ownFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-release-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
