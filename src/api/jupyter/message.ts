import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { jsonMembers } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import { isJson } from '../../lib/json-text.ts'

/** A request of a client, from a text frame of the channels' WebSocket. */
export interface JupyterRequest {
  /** Such as `execute_request`. */
  readonly type: string
  /** JSON text of its header, as it came: replies repeat it. */
  readonly headerJson: string
  /** `shell` where the client named none. */
  readonly channel: 'shell' | 'control' | 'stdin'
  /** The member `code` of its content, in UTF-8; null: it has none. */
  readonly code: Buffer | null
  /** What else its content has, of the small members that some request has. */
  readonly fields: Readonly<Record<string, unknown>>
}

export type ReadRequest = { readonly request: JupyterRequest } | { readonly wrong: string }

/** Members of contents that are looked at, beside `code`. */
const FIELDS = [
  ...['silent', 'store_history', 'stop_on_error', 'allow_stdin', 'user_expressions'],
  ...['cursor_pos', 'detail_level', 'restart', 'value'],
  ...['hist_access_type', 'n', 'pattern', 'start', 'stop', 'output', 'unique'],
]
const MAX_FIELD_BYTES = 64 * 1024
const MAX_HEADER_BYTES = 8 * 1024
const MAX_DEPTH = 64
const [QUOTE, OPEN_OBJECT] = [0x22, 0x7b]
const CHANNELS = ['shell', 'control', 'stdin'] as const

/**
 * Reads a request. It works on the bytes, so that code of megabytes never becomes a text or an object.
 * @param json the payload of a text frame
 */
export function readRequest(json: Buffer): ReadRequest {
  if (!isUtf8(json) || !isJson(json, { depth: MAX_DEPTH })) return { wrong: 'A frame is not JSON.' }
  if (json.find((c) => c > 0x20) !== OPEN_OBJECT) return { wrong: 'A frame is not an object.' }
  const members = jsonMembers(json, ['header', 'content', 'channel'])
  const header = members.get('header')
  if (header?.[0] !== OPEN_OBJECT || header.length > MAX_HEADER_BYTES) {
    return { wrong: `A message needs a header of at most ${MAX_HEADER_BYTES} bytes.` }
  }
  const type = smallText(jsonMembers(header, ['msg_type']).get('msg_type'))
  if (type === null) return { wrong: 'The header of a message needs msg_type.' }
  const named = smallText(members.get('channel')) ?? 'shell'
  const channel = CHANNELS.find((name) => name === named)
  if (channel === undefined) return { wrong: 'The channel of a message is not known.' }
  const content = members.get('content')
  const parts: ReadonlyMap<string, Buffer> =
    content?.[0] === OPEN_OBJECT ? jsonMembers(content, ['code', ...FIELDS]) : new Map()
  const code = parts.get('code')
  const fields = FIELDS.flatMap((name) => {
    const json = parts.get(name)
    return json && json.length <= MAX_FIELD_BYTES ? [[name, JSON.parse(json.toString())]] : []
  })
  return {
    request: {
      type,
      headerJson: header.toString(),
      channel,
      code: code?.[0] === QUOTE ? jsonStringBytes(code) : null,
      fields: Object.fromEntries(fields),
    },
  }
}

function smallText(member: Buffer | undefined): string | null {
  if (member?.[0] !== QUOTE || member.length > 200) return null
  return JSON.parse(member.toString()) as string
}

/** Version of the messaging protocol (https://jupyter-client.readthedocs.io/en/stable/messaging.html). */
export const PROTOCOL_VERSION = '5.3'

/** A message of a kernel, before it becomes a frame. */
export interface KernelMessage {
  readonly channel: 'shell' | 'control' | 'iopub' | 'stdin'
  readonly type: string
  /** JSON text. */
  readonly contentJson: string
}

/**
 * Returns the header of a kernel's message.
 * @param session of the kernel
 */
export function headerOf(session: string, type: string) {
  return {
    msg_id: randomUUID(),
    msg_type: type,
    username: 'kernel',
    session,
    date: new Date().toISOString(),
    version: PROTOCOL_VERSION,
  }
}

/**
 * Returns the text frame of a kernel's message.
 * @param session of the kernel
 * @param parentJson JSON text of the header of the request that it belongs to
 */
export function frameOf(
  session: string,
  parentJson: string,
  { channel, type, contentJson }: KernelMessage,
): string {
  const header = headerOf(session, type)
  const head = JSON.stringify({
    header,
    msg_id: header.msg_id,
    msg_type: type,
    metadata: {},
    buffers: [],
    channel,
  })
  return `${head.slice(0, -1)},"parent_header":${parentJson},"content":${contentJson}}`
}
