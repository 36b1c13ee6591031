import type { Jobs, RunInfo } from '../../jobs/jobs.ts'
import { jsonMembers } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import { mediaTypeOf } from '../../run/media-types.ts'
import type { LeftOut, MimeBundle } from '../../run/types.ts'
import { storedOutcomeJson } from '../v1/stored.ts'
import { wellFormed } from './excerpt.ts'
import type { KeptPart, ListedPart } from './kept-results.ts'
import { imageLimits, type ToldFile, type ToldOutcome } from './present.ts'

/** Accepted runs, which outlive a restart, in the words of the tools. */

/** Of the output of a run that goes on, its end is told: characters, of so many events at most. */
const MAX_TAIL = 4000
const TAIL_EVENTS = 50
const PAGE_BYTES = 256 * 1024
/** Members that are larger are not shown; stdout and stderr are taken as bytes. */
const MAX_MEMBER_BYTES = 8 * 1024 ** 2
const MEMBERS = ['status', 'exit_code', 'signal', 'displays', 'files_left_out', 'usage', 'detail']
/** Runs whose files are listed. */
const LISTED_RUNS = 20

/** Returns the end of what a run has printed so far. */
export async function tailOf(jobs: Jobs, { owner, id, events: told }: RunInfo): Promise<string> {
  let text = ''
  for (let after = Math.max(0, told - TAIL_EVENTS); ; ) {
    const events = await jobs.events(owner, id, after, PAGE_BYTES)
    for (const { number, name, data } of events) {
      after = number
      if (name !== 'stdout' && name !== 'stderr') continue
      text = (text + (JSON.parse(data) as { text: string }).text).slice(-MAX_TAIL)
    }
    if (events.length === 0) return wellFormed(text)
  }
}

/** Returns the outcome of a run that has ended with one; null: it is there no more. */
export async function storedOutcome(
  jobs: Jobs,
  owner: string,
  id: string,
): Promise<ToldOutcome | null> {
  const json = await storedOutcomeJson(jobs, owner, id)
  if (json === null) return null
  const found = jsonMembers(json, [...MEMBERS, 'stdout', 'stderr'])
  const values = new Map<string, unknown>()
  for (const name of MEMBERS) {
    const member = found.get(name)
    if (member && member.length <= MAX_MEMBER_BYTES) values.set(name, JSON.parse(member.toString()))
  }
  const bytes = (name: string) => jsonStringBytes(found.get(name) ?? Buffer.from('""'))
  return {
    status: values.get('status') as ToldOutcome['status'],
    exitCode: (values.get('exit_code') as number | null) ?? null,
    signal: (values.get('signal') as string | null) ?? null,
    result: null,
    stdout: bytes('stdout'),
    stderr: bytes('stderr'),
    displays: (values.get('displays') as MimeBundle[]) ?? [],
    files: await filesOf(jobs, owner, id),
    filesLeftOut: (values.get('files_left_out') as LeftOut[]) ?? [],
    wallMs: (values.get('usage') as { wall_ms: number } | undefined)?.wall_ms ?? 0,
    detail: (values.get('detail') as string) ?? '',
  }
}

/** Returns a part of an accepted run: a file, or a stream as a whole. */
export async function storedPart(
  jobs: Jobs,
  owner: string,
  id: string,
  name: string,
): Promise<KeptPart | null> {
  if (name === 'stdout' || name === 'stderr') {
    const json = await storedOutcomeJson(jobs, owner, id)
    const text = json && jsonMembers(json, [name]).get(name)
    return text ? { content: jsonStringBytes(text), mediaType: 'text/plain' } : null
  }
  if (!name.startsWith('files/')) return null
  const file = await jobs.file(owner, id, name.slice('files/'.length))
  if (file === null) return null
  const content = await whole(file.read())
  return { content, mediaType: file.mediaType ?? mediaTypeOf(name) }
}

/** Returns what the youngest accepted runs of a caller have left. */
export async function storedParts(jobs: Jobs, owner: string): Promise<ListedPart[]> {
  const runs = await jobs.list(owner, null, LISTED_RUNS)
  const parts: ListedPart[] = []
  for (const { id, state } of runs) {
    if (state !== 'ended') continue
    for (const { name, size } of await jobs.files(owner, id)) {
      parts.push({ run: id, name: `files/${name}`, mediaType: mediaTypeOf(name), size })
    }
  }
  return parts
}

async function filesOf(jobs: Jobs, owner: string, id: string): Promise<ToldFile[]> {
  const files: ToldFile[] = []
  let left = imageLimits.ofAllBytes
  for (const { name, size } of await jobs.files(owner, id)) {
    const isShown = /^image\//.test(mediaTypeOf(name)) && size <= Math.min(left, imageLimits.bytes)
    const file = isShown ? await jobs.file(owner, id, name) : null
    if (file) left -= size
    files.push({ path: name, size, content: file && (await whole(file.read())) })
  }
  return files
}

async function whole(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}
