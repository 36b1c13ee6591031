/**
 * Downloads gVisor's own release into the data folder: `<home>/gvisor/<version>/` has runsc and the programs that
 * it starts, `<home>/gvisor/current.json` says which version is in use.
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isRunscRecent, MINIMUM_RUNSC_DATE } from '../engine/runsc/runsc-version.ts'
import { ManagerError } from '../errors.ts'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { scaledMs } from '../lib/time-scale.ts'
import type { ReleaseSource } from './runsc-choice.ts'
import { probeRunsc } from './runsc-probe.ts'

const TARBALL = 'gvisor.tar.bz2'
/**
 * The checksum is a line: a server that does not answer with it in 5 s is as good as not there. Of the
 * tarball a piece has to come every 20 s.
 */
const PATIENCE = { answerMs: 5_000, stallMs: scaledMs(20_000) }
/** About ten times what it is today. */
const MOST_BYTES = 2e9
/** How long after a failed attempt the next one is made. */
const AGAIN_AFTER_MS = 24 * 3600 * 1000
const DRAFT_PREFIX = '.fetching-gvisor-'

/**
 * Finds the runsc that was downloaded.
 * @param source if given, only a runsc from there
 */
export function downloadedRunsc(home: string, source?: ReleaseSource): string | undefined {
  const current = readJson<{ source: string; version: string }>(
    join(folderOf(home), 'current.json'),
  )
  if (!current || (source && current.source !== source.url)) return undefined
  const runsc = join(folderOf(home), current.version, 'runsc')
  return existsSync(runsc) ? runsc : undefined
}

/** Tells whether it is time to try a download from there. */
export function isDownloadDue(home: string, source: ReleaseSource): boolean {
  if (downloadedRunsc(home, source)) return false
  const file = failureFile(home)
  const failed = readJson<{ source: string }>(file)
  if (failed?.source !== source.url) return true
  // File times have fractions of a millisecond, Date.now() has none.
  const agoMs = Date.now() - Math.floor(statSync(file).mtimeMs)
  // Negative when the clock was set back.
  return agoMs < 0 || agoMs > AGAIN_AFTER_MS
}

/**
 * Downloads a release, compares it with its published checksum, and puts it in its place, whole or not at all. A
 * failure is told in one line and remembered for a day.
 * @returns the path of its runsc, or undefined
 */
export async function downloadRelease(
  home: string,
  source: ReleaseSource,
  progress: Progress,
  patience = PATIENCE,
): Promise<string | undefined> {
  mkdirSync(folderOf(home), { recursive: true, mode: 0o755 })
  for (const name of readdirSync(folderOf(home)).filter((entry) =>
    entry.startsWith(DRAFT_PREFIX),
  )) {
    rmSync(join(folderOf(home), name), { recursive: true, force: true })
  }
  const draft = mkdtempSync(join(folderOf(home), DRAFT_PREFIX))
  try {
    const wanted = await readChecksum(source, patience.answerMs)
    await fetchTarball(source, join(draft, TARBALL), wanted, { progress, ...patience })
    return await unpack(home, draft, source, progress)
  } catch (error) {
    progress(`runsc: no gVisor release from ${source.url} (${reasonOf(error)})`)
    writeFileSync(failureFile(home), JSON.stringify({ source: source.url }))
    return undefined
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** @returns SHA-512 as hexadecimal digits */
async function readChecksum(source: ReleaseSource, answerMs: number): Promise<string> {
  const signal = AbortSignal.timeout(answerMs)
  const answer = await get(`${source.url}/${TARBALL}.sha512`, signal)
  const text = (await answer.text()).slice(0, 1000)
  const digits = /^[0-9a-f]{128}(?=\s|$)/i.exec(text)?.[0]
  if (!digits) throw new Error(`${TARBALL}.sha512 holds no checksum`)
  return digits.toLowerCase()
}

async function fetchTarball(
  source: ReleaseSource,
  file: string,
  wanted: string,
  { progress, stallMs }: { progress: Progress; stallMs: number },
): Promise<void> {
  const stalled = new AbortController()
  const stall = () => setTimeout(() => stalled.abort(new Error('no more data came')), stallMs)
  let timer = stall()
  try {
    const answer = await get(`${source.url}/${TARBALL}`, stalled.signal)
    const total = Number(answer.headers.get('content-length')) || undefined
    const hash = createHash('sha512')
    let bytes = 0
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        clearTimeout(timer)
        timer = stall()
        bytes += chunk.length
        hash.update(chunk)
        progress('runsc: downloading gVisor release', total && (100 * bytes) / total)
        done(bytes > MOST_BYTES ? new Error('it is too large') : null, chunk)
      },
    })
    if (!answer.body) throw new Error('the answer is empty')
    await pipeline(Readable.fromWeb(answer.body), count, createWriteStream(file), {
      signal: stalled.signal,
    })
    if (hash.digest('hex') !== wanted) throw new Error('it does not match its published checksum')
  } finally {
    clearTimeout(timer)
  }
}

/** Requests a file. Follows no redirect, and accepts only a success. */
async function get(url: string, signal: AbortSignal): Promise<Response> {
  const answer = await fetch(url, { signal, redirect: 'error' })
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`)
  return answer
}

async function unpack(
  home: string,
  draft: string,
  source: ReleaseSource,
  progress: Progress,
): Promise<string> {
  progress('runsc: unpacking gVisor release')
  const tree = join(draft, 'tree')
  mkdirSync(tree, { mode: 0o755 })
  await runCommand(
    [
      'tar',
      '--extract',
      '--bzip2',
      '--no-same-owner',
      `--file=${join(draft, TARBALL)}`,
      `--directory=${tree}`,
    ],
    { purpose: 'Unpacking it', remedy: '', contained: true },
  )
  const version = probeRunsc(join(tree, 'runsc'), draft)?.version
  if (!version) throw new Error('its runsc does not run here')
  if (!isRunscRecent(version)) throw new Error(`${version} is older than ${MINIMUM_RUNSC_DATE}`)
  // Another user runs it in the end, and mkdtemp's folder is ours alone.
  chmodSync(tree, 0o755)
  const place = join(folderOf(home), version)
  if (!existsSync(join(place, 'runsc'))) {
    rmSync(place, { recursive: true, force: true })
    renameSync(tree, place)
  }
  const current = join(draft, 'current.json')
  writeFileSync(current, JSON.stringify({ source: source.url, version }))
  renameSync(current, join(folderOf(home), 'current.json'))
  rmSync(failureFile(home), { force: true })
  return join(place, 'runsc')
}

/** Returns the message of the innermost cause: fetch's own message says only that it failed. */
function reasonOf(error: unknown): string {
  if (error instanceof ManagerError) return error.message.trim()
  const { name, message, cause } = error as Error & { cause?: Error & { code?: string } }
  if (name === 'TimeoutError') return 'it did not answer in time'
  return cause?.code ?? cause?.message ?? message
}

function folderOf(home: string): string {
  return join(home, 'gvisor')
}

function failureFile(home: string): string {
  return join(folderOf(home), 'failed.json')
}

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch {
    return undefined
  }
}
