import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server'
import { decodeBase64 } from '../../lib/base64.ts'
import { mediaTypeOf } from '../../run/media-types.ts'
import { allIn } from '../../sessions/file-bytes.ts'
import { FileError, SessionFiles } from '../../sessions/files.ts'
import { invalid } from '../v1/problems.ts'
import { pathFrom } from '../v1/session-call.ts'
import { wellFormed } from './excerpt.ts'
import { imageLimits, imageTypeOf, uriOfPart } from './present.ts'
import { inSession, type SessionCall, type SessionToolHost } from './session-call.ts'
import {
  listFilesInput,
  listFilesOutput,
  readFileInput,
  readFileOutput,
  writeFileInput,
  writeFileOutput,
} from './session-schemas.ts'

/** A model is given about as much as of the output of a run. */
const PART_BYTES = 16 * 1024
/** Of a file that is no text, and is kept for the client. */
const KEPT_BYTES = 4 * 1024 ** 2
const MOST_ENTRIES = 500
/** Of errno(3). */
const EIO = 5

const READ_FILE = `Read a file of a session: ${PART_BYTES / 1024} KiB of a text, from offset on; an image as an image; what is neither as a resource.`

/** Adds the tools that read, write and list the files of a session. */
export function addFileTools(server: McpServer, host: SessionToolHost): void {
  const reads = { readOnlyHint: true, openWorldHint: false }
  server.registerTool(
    'read_file',
    {
      title: 'Read a file',
      description: READ_FILE,
      inputSchema: readFileInput,
      outputSchema: readFileOutput,
      annotations: reads,
    },
    ({ session, path, offset }, { mcpReq }: ServerContext) =>
      withFiles({ ...host, mcpReq }, session, (files) => readFile(host, files, path, offset)),
  )
  server.registerTool(
    'write_file',
    {
      title: 'Write a file',
      description: 'Write a file of a session. It is replaced as a whole; its folders are made.',
      inputSchema: writeFileInput,
      outputSchema: writeFileOutput,
      annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
    },
    ({ session, path, content }, { mcpReq }: ServerContext) =>
      withFiles({ ...host, mcpReq }, session, async (files) => {
        const bytes = contentOf(host, content !== undefined)
        await files.write(pathFrom(path), (input) => pipeline([bytes], input))
        const text = `${path}: ${bytes.length} bytes written`
        const structuredContent = { path, size: bytes.length }
        return { content: [{ type: 'text', text }], structuredContent }
      }),
  )
  server.registerTool(
    'list_files',
    {
      title: 'List files',
      description: `List the files and folders in a folder of a session, ${MOST_ENTRIES} at most.`,
      inputSchema: listFilesInput,
      outputSchema: listFilesOutput,
      annotations: reads,
    },
    ({ session, path, depth }, { mcpReq }: ServerContext) =>
      withFiles({ ...host, mcpReq }, session, (files) => listFiles(files, path, depth)),
  )
}

function withFiles(
  host: SessionCall,
  session: string,
  work: (files: SessionFiles) => Promise<CallToolResult>,
): Promise<CallToolResult> {
  return inSession(host, session, ({ channels }, signal) =>
    work(new SessionFiles(channels, signal)),
  )
}

/** The content is beside what the schema has seen. */
function contentOf({ call }: SessionToolHost, isText: boolean): Buffer {
  const raw = call.run?.bulk.contents.get(0)
  const content = raw && !isText ? decodeBase64(raw) : raw
  if (content) return content
  const detail = raw ? 'is not base64' : 'is needed, or content_base64'
  throw invalid([{ pointer: raw ? '/content_base64' : '/content', detail }])
}

async function readFile(
  host: SessionToolHost,
  files: SessionFiles,
  path: string,
  offset: number,
): Promise<CallToolResult> {
  const place = pathFrom(path)
  const { size } = await files.stat(place)
  const part = await partOf(files, place, offset, PART_BYTES)
  const answer = { path, size, text: null, next_offset: null, uri: null }
  const cut = wholeCharacters(part, offset > 0)
  if (isUtf8(cut) && !cut.includes(0)) {
    const end = offset + part.length
    const isCut = part.length === PART_BYTES && end !== size
    const next = isCut ? cut.byteOffset - part.byteOffset + offset + cut.length : null
    const text = cut.toString()
    const more = next === null ? '' : `\n[... there is more: read_file with offset ${next} ...]`
    const structuredContent = { ...answer, text, next_offset: next }
    return { content: [{ type: 'text', text: text + more }], structuredContent }
  }
  const type = mediaTypeOf(path)
  const content = await all(host, files, place)
  const mimeType = content && imageTypeOf(content)
  if (content && mimeType && content.length <= imageLimits.bytes) {
    const data = content.toString('base64')
    return { content: [{ type: 'image', data, mimeType }], structuredContent: answer }
  }
  const { call, results } = host
  const id = randomUUID()
  const name = `files/${path.split('/').at(-1)}`
  const parts = new Map(content ? [[name, { content, mediaType: type }]] : [])
  const isKept = results.keep(call.request.caller, id, parts).has(name)
  const uri = isKept ? uriOfPart(id, name) : null
  const what = `${path} is no text: ${type}, ${size} bytes`
  const text = uri === null ? `${what}; look into it with run_command` : what
  const link = { type: 'resource_link' as const, name: path, mimeType: type, size }
  return {
    content: [{ type: 'text', text }, ...(uri === null ? [] : [{ ...link, uri }])],
    structuredContent: { ...answer, uri },
  }
}

/** A file that is no text; null: it is too large, or its caller's account has no room for it. */
async function all(
  { call, results }: SessionToolHost,
  files: SessionFiles,
  path: string,
): Promise<Buffer | null> {
  const giveBack = results.reserve(call.request.caller, KEPT_BYTES)
  if (giveBack === null) return null
  try {
    const content = await partOf(files, path, 0, KEPT_BYTES + 1)
    return content.length > KEPT_BYTES ? null : content
  } finally {
    giveBack()
  }
}

/** Without characters of UTF-8 that are cut at an end. @param isCut whether something is before it */
function wholeCharacters(bytes: Buffer, isCut: boolean): Buffer {
  let from = 0
  while (isCut && from < 3 && ((bytes[from] ?? 0) & 0xc0) === 0x80) from++
  for (let left = 0; left < 4; left++) {
    const shorter = bytes.subarray(from, bytes.length - (bytes.length === PART_BYTES ? left : 0))
    if (isUtf8(shorter)) return shorter
  }
  return bytes
}

async function listFiles(
  files: SessionFiles,
  path: string,
  depth: number,
): Promise<CallToolResult> {
  const all = await files.list(pathFrom(path), depth)
  const entries = all.slice(0, MOST_ENTRIES).map((entry) => {
    const { type, size } = entry
    return { path: wellFormed(entry.path), type, size }
  })
  const left_out = all.length - entries.length
  const lines = entries.map(
    (entry) => `${entry.path}${entry.type === 'folder' ? '/' : ` (${entry.size} bytes)`}`,
  )
  if (left_out > 0) lines.push(`[${left_out} more left out: list a folder of it]`)
  const text = lines.join('\n') || '[nothing]'
  return { content: [{ type: 'text', text }], structuredContent: { entries, left_out } }
}

async function partOf(
  files: SessionFiles,
  path: string,
  offset: number,
  length: number,
): Promise<Buffer> {
  const bytes = await allIn(await files.read(path, { offset, length }), length)
  if (!bytes) throw new FileError(EIO, 'The sandbox has sent more than was asked for')
  return bytes
}
