import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { decodeBase64 } from '../../lib/base64.ts'
import { jsonEntries } from '../../lib/json-members.ts'
import type { InputFile } from '../../run/types.ts'
import type { ContextRun, Kernel } from '../../sessions/context-types.ts'
import { ContextError } from '../../sessions/context-types.ts'
import type { Body } from '../uploads.ts'
import { invalid, Problem } from './problems.ts'
import { issuesOf, jsonOf, NO_ARGUMENTS } from './read-run.ts'
import { sessionProblem } from './session-call.ts'
import { sessionRun } from './sessions-contexts-schema.ts'

/** It is read in place, which takes 10 ms for as much; larger files go up by themselves. */
const MOST_BYTES = 8 * 1024 * 1024

type Fields = z.output<typeof sessionRun>

/**
 * Reads the body of a run in a session. The body stays on its caller's account.
 * @throws Problem that names what is wrong
 */
export function readSessionRun(request: FastifyRequest): {
  fields: Fields
  argumentsJson: Buffer
} {
  const body = (request.body ?? null) as Body | null
  if (body === null) throw invalid([{ pointer: '', detail: 'The request has no body.' }])
  if (body.bytes > MOST_BYTES) {
    throw new Problem(
      'body-too-large',
      `A run in a session has at most ${MOST_BYTES} bytes: write large files by PUT …/files/{path}.`,
    )
  }
  const json = jsonOf(Buffer.concat(body.takeBlocks()))
  if (!Buffer.isBuffer(json)) throw invalid([json])
  const parsed = sessionRun.safeParse(JSON.parse(json.toString('utf8')))
  if (!parsed.success) throw invalid(issuesOf(parsed.error, ''))
  return { fields: parsed.data, argumentsJson: argumentsOf(json) }
}

/** As the caller wrote them: no number loses a digit. */
function argumentsOf(json: Buffer): Buffer {
  for (const [key, member] of jsonEntries(json)) {
    if (key.toString() === '"arguments"') return member
  }
  return NO_ARGUMENTS
}

/**
 * Returns what a kernel is to run.
 * @throws Problem where it cannot
 */
export function contextRunOf(
  { fields, argumentsJson }: ReturnType<typeof readSessionRun>,
  kernel: Kernel,
): ContextRun {
  const { mode, stdin, code, argv } = fields
  if (!kernel.modes.includes(mode)) {
    const detail = `${kernel.language} has ${kernel.modes.join(', ')}`
    throw invalid([{ pointer: '/mode', detail }])
  }
  if (stdin !== null && !kernel.takesStdin) {
    const detail = `a context of ${kernel.language} takes no input`
    throw invalid([{ pointer: '/stdin', detail }])
  }
  return {
    code: Buffer.from(code),
    mode,
    argumentsJson,
    argv,
    stdin: stdin === null ? null : Buffer.from(stdin),
    files: fields.files.map(fileOf),
    wallTimeMs: fields.wall_ms,
    waits: fields.wait,
  }
}

/**
 * Returns a file of a request.
 * @param index of it in `files`
 * @throws Problem where its content is not base64
 */
export function fileOf(
  { path, content, content_base64 }: Fields['files'][number],
  index: number,
): InputFile {
  if (content !== undefined) return { path, content: Buffer.from(content) }
  const bytes = decodeBase64(Buffer.from(content_base64 ?? ''))
  if (bytes) return { path, content: bytes }
  throw invalid([{ pointer: `/files/${index}/content_base64`, detail: 'is not base64' }])
}

/** Returns what a failure in a context means for the caller. */
export function contextProblem(error: Error): Error {
  if (!(error instanceof ContextError)) return sessionProblem(error)
  const names = {
    unknown: 'not-found',
    busy: 'context-busy',
    full: 'too-much-held',
    failed: 'context-failed',
  } as const
  return new Problem(names[error.why], error.message)
}
