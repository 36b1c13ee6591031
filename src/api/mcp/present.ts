import type { CallToolResult } from '@modelcontextprotocol/server'
import { mediaTypeOf } from '../../run/media-types.ts'
import type { LeftOut, MimeBundle, RunOutcome } from '../../run/types.ts'
import { outcomeDetail, signalName, statusOf } from '../v1/present.ts'
import { type ExcerptSize, excerptOf, isExcerpt } from './excerpt.ts'
import type { KeptPart } from './kept-results.ts'
import type { RunCodeAnswer } from './schemas.ts'

/** A model is given about 20,000 characters of a run: some clients refuse 25,000 tokens, and all pay for them. */
const SIZES = {
  stdout: { head: 4000, tail: 8000 },
  // The end of it says what went wrong.
  stderr: { head: 1500, tail: 4500 },
  result: { head: 2000, tail: 1000 },
} as const satisfies Record<string, ExcerptSize>

const NOTHING = Buffer.alloc(0)
const STREAMS = ['stdout', 'stderr'] as const
/** Images of an answer: how many, how large one, and all together. */
export const imageLimits = { most: 6, bytes: 3 * 1024 ** 2, ofAllBytes: 6 * 1024 ** 2 } as const

/** A file that a program made. */
export interface ToldFile {
  readonly path: string
  readonly size: number
  /** Null: the content is not in memory, and a client has to read it. */
  readonly content: Buffer | null
}

/** What is told of an outcome. */
export interface ToldOutcome {
  readonly status: RunCodeAnswer['status']
  readonly exitCode: number | null
  /** Its name. */
  readonly signal: string | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly displays: readonly MimeBundle[]
  /** A sentence; null: there is nothing to say. */
  readonly result: string | null
  readonly files: readonly ToldFile[]
  readonly filesLeftOut: readonly LeftOut[]
  readonly wallMs: number
  readonly detail: string
}

/** Returns what is told of an outcome, in the words of the native API. */
export function toldOf(outcome: RunOutcome): ToldOutcome {
  const { exitCode, signal, stdout, stderr, displays, filesLeftOut, files, usage } = outcome
  return {
    status: statusOf(outcome),
    exitCode,
    signal: signal === null ? null : signalName(signal),
    files: files.map(({ path, content }) => ({ path, size: content.length, content })),
    ...{ stdout, stderr, displays, filesLeftOut, wallMs: usage.wallMs, result: null },
    detail: outcomeDetail(outcome),
  }
}

type Block = CallToolResult['content'][number]

/** Keeps parts of a run by their names. @returns the names of those that are kept */
export type Keep = (parts: ReadonlyMap<string, KeptPart>) => ReadonlySet<string>

/**
 * Returns an outcome as the answer of a tool: text for a model, images as images, other files as links, and all of it
 * as structured content. A program that fails is no error of the tool.
 * @param run its id
 * @param keep what is not in the answer itself
 */
export function presentOutcome(run: string, outcome: ToldOutcome, keep: Keep): CallToolResult {
  const texts = { stdout: outcome.stdout.toString(), stderr: outcome.stderr.toString() }
  const parts = new Map<string, KeptPart>()
  for (const stream of STREAMS) {
    if (!isExcerpt(texts[stream], SIZES[stream])) continue
    parts.set(stream, { content: outcome[stream], mediaType: 'text/plain' })
  }
  for (const { path, content } of outcome.files) {
    parts.set(`files/${path}`, { content: content ?? NOTHING, mediaType: mediaTypeOf(path) })
  }
  const kept = keep(parts)
  const uriOf = (name: string) => (kept.has(name) ? uriOfPart(run, name) : null)
  const excerpt = (stream: (typeof STREAMS)[number]) =>
    excerptOf(texts[stream], SIZES[stream], uriOf(stream))
  const answer: RunCodeAnswer = {
    status: outcome.status,
    exit_code: outcome.exitCode,
    signal: outcome.signal,
    stdout: excerpt('stdout'),
    stdout_uri: uriOf('stdout'),
    stderr: excerpt('stderr'),
    stderr_uri: uriOf('stderr'),
    result: outcome.result === null ? null : excerptOf(outcome.result, SIZES.result, null),
    files: outcome.files.map(({ path, size }) => ({
      path,
      size,
      media_type: mediaTypeOf(path),
      uri: uriOf(`files/${path}`),
    })),
    files_left_out: outcome.filesLeftOut.map((file) => ({ ...file })),
    wall_ms: Math.round(outcome.wallMs),
    detail: outcome.detail,
  }
  const { images, shown } = imagesOf(outcome)
  const links = answer.files.flatMap(({ path, size, media_type, uri }): Block[] => {
    if (uri === null || shown.has(path)) return []
    return [{ type: 'resource_link', uri, name: path, mimeType: media_type, size }]
  })
  return {
    content: [{ type: 'text', text: textOf(answer) }, ...images, ...links],
    structuredContent: answer,
  }
}

/** Returns where a client reads a part of a run. */
export function uriOfPart(run: string, name: string): string {
  return `sandbox://runs/${run}/${name.split('/').map(encodeURIComponent).join('/')}`
}

function textOf(answer: RunCodeAnswer): string {
  const { status, stdout, stderr, result, detail, files, files_left_out } = answer
  const lost = files
    .filter(({ uri }) => uri === null)
    .map(({ path }) => `${path}: too large to keep`)
  const left = files_left_out.map(({ path, reason }) => `${path}: ${reason}`)
  const made = files.map(({ path, size }) => `${path} (${size} bytes)`)
  return [
    stdout,
    result ?? '',
    stderr === '' ? '' : `[stderr]\n${stderr}`,
    status === 'succeeded' && stdout + (result ?? '') !== '' ? '' : `[${status}] ${detail}`,
    made.length > 0 ? `[files] ${made.join(', ')}` : '',
    lost.length + left.length > 0 ? `[files left out] ${[...lost, ...left].join(', ')}` : '',
  ]
    .filter((part) => part !== '')
    .join('\n')
}

/** Images that fit into an answer, and the paths of the files that they are. */
function imagesOf({ files, displays }: ToldOutcome): { images: Block[]; shown: Set<string> } {
  const images: Block[] = []
  const shown = new Set<string>()
  let bytes = 0
  const add = (content: Buffer): boolean => {
    const mimeType = imageTypeOf(content)
    if (mimeType === null || images.length === imageLimits.most) return false
    const { length } = content
    if (length > imageLimits.bytes || bytes + length > imageLimits.ofAllBytes) return false
    bytes += content.length
    images.push({ type: 'image', data: content.toString('base64'), mimeType })
    return true
  }
  for (const bundle of displays) {
    const image = bundle['image/png'] ?? bundle['image/jpeg']
    if (typeof image === 'string') add(Buffer.from(image, 'base64'))
  }
  for (const { path, content } of files) {
    if (content && isImagePath(path) && add(content)) shown.add(path)
  }
  return { images, shown }
}

function isImagePath(path: string): boolean {
  return /\.(png|jpe?g|gif|webp)$/i.test(path)
}

/**
 * Returns the media type of an image by its first bytes, since a program may give any file such a name.
 * @returns null: models do not take it
 */
export function imageTypeOf(content: Buffer): string | null {
  const start = content.toString('latin1', 0, 12)
  if (start.startsWith('\u0089PNG\r\n\u001a\n')) return 'image/png'
  if (start.startsWith('\u00ff\u00d8\u00ff')) return 'image/jpeg'
  if (start.startsWith('GIF8')) return 'image/gif'
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'image/webp'
  return null
}
