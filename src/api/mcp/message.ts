import { isUtf8 } from 'node:buffer'
import { jsonEntries } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import { isJson } from '../../lib/json-text.ts'
import { VALUE_BOUNDS } from '../json-value.ts'
import { type Bulk, newBulk, takeMember, takeSmall } from '../v1/read-run.ts'
import { RpcError } from './rpc-error.ts'
import { RUN_CODE_MEMBERS } from './schemas.ts'
import { WRITE_FILE_MEMBERS } from './session-schemas.ts'

/** A message of JSON-RPC, whose large texts have been taken out of it. */
export interface Message {
  /** As the SDK reads it. Of a run, code, stdin and contents of files are empty texts. */
  readonly value: Record<string, unknown>
  /** The run that it asks for, or the file that it brings; null: neither. */
  readonly run: RunArguments | null
  /** Whether it begins something that takes time and is counted: a run, a command or a session. */
  readonly isWork: boolean
}

/** The arguments of a tool that takes a program or a file. */
export interface RunArguments {
  /** What the schema sees. */
  readonly value: Record<string, unknown>
  /** What may be large. */
  readonly bulk: Bulk
}

/** What the tools that take a program or a file take, by their names as JSON texts. Other members are ignored. */
const LARGE_TOOLS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['"run_code"', RUN_CODE_MEMBERS],
  ['"start_run"', RUN_CODE_MEMBERS],
  ['"write_file"', WRITE_FILE_MEMBERS],
])
const WORK_TOOLS: ReadonlySet<unknown> = new Set([
  'run_code',
  'start_run',
  'open_session',
  'run_command',
])
/** What becomes objects: all but the arguments of a run. */
const MAX_SMALL_BYTES = 128 * 1024
/** JSON-RPC, a tool call and its metadata need ten. */
const MAX_DEPTH = 64
const [OPEN_OBJECT, QUOTE] = [0x7b, 0x22]

/**
 * Reads a message. It works on the bytes, so that code and files of megabytes never become texts.
 * @throws RpcError -32700, -32600, -32602
 */
export function readMessage(json: Buffer): Message {
  if (!isUtf8(json) || !isJson(json, { depth: MAX_DEPTH })) {
    throw new RpcError(-32700, 'The body is not valid JSON in UTF-8.')
  }
  if (json.find((c) => c > 0x20) !== OPEN_OBJECT) {
    throw new RpcError(-32600, 'The body must be one JSON-RPC message; batches are not taken.')
  }
  const small = new Small()
  const top = membersOf(json, small)
  const params = top.get('params')
  const call = params?.[0] === OPEN_OBJECT ? callOf(top.get('method'), params, small) : null
  if (call) top.delete('params')
  const value = objectOf([...top].map(([name, member]) => [name, small.read(member)]))
  if (call) value.params = call.params
  const { name } = (value.params ?? {}) as { name?: unknown }
  const isWork = value.method === 'tools/call' && WORK_TOOLS.has(name)
  return { value, run: call?.run ?? null, isWork }
}

/** The parameters of a call of a tool that takes a program or a file; null: it is something else. */
function callOf(method: Buffer | undefined, params: Buffer, small: Small) {
  if (method?.toString('utf8', 0, 20) !== '"tools/call"') return null
  const members = membersOf(params, small)
  const given = members.get('arguments')
  const taken = LARGE_TOOLS.get(members.get('name')?.toString('utf8', 0, 20) ?? '')
  if (!taken || given?.[0] !== OPEN_OBJECT) return null
  members.delete('arguments')
  const run: RunArguments = { value: {}, bulk: newBulk() }
  for (const [key, member] of jsonEntries(given)) {
    const name = small.read(key)
    if (typeof name !== 'string' || !taken.has(name)) continue
    const issue =
      taken === WRITE_FILE_MEMBERS
        ? takeContent(run, name, member)
        : takeMember(run.value, run.bulk, name, member)
    if (issue) {
      throw new RpcError(-32602, `arguments${issue.pointer.replaceAll('/', '.')}: ${issue.detail}`)
    }
  }
  const rest = objectOf([...members].map(([name, part]) => [name, small.read(part)]))
  return { params: { ...rest, arguments: run.value }, run }
}

/** Takes one member of a file: its content as that of the first file of a run. */
function takeContent({ value, bulk }: RunArguments, name: string, member: Buffer) {
  const isContent = name === 'content' || name === 'content_base64'
  if (!isContent || member[0] !== QUOTE) return takeSmall(value, name, member, `/${name}`)
  value[name] = ''
  bulk.contents.set(0, jsonStringBytes(member))
  return null
}

/** The members by their names. It stops at too many of them: nothing is kept for what comes behind. */
function membersOf(json: Buffer, small: Small): Map<unknown, Buffer> {
  const members = new Map<unknown, Buffer>()
  for (const [key, member] of jsonEntries(json)) members.set(small.read(key), member)
  return members
}

/** Makes values of JSON texts, as long as they are small together. */
class Small {
  #bytes = 0

  read(json: Buffer): unknown {
    this.#bytes += json.length
    if (this.#bytes > MAX_SMALL_BYTES) {
      const most = MAX_SMALL_BYTES / 1024
      throw new RpcError(
        -32600,
        `The message is larger than ${most} KiB without the code and files.`,
      )
    }
    if (!isJson(json, VALUE_BOUNDS)) {
      throw new RpcError(-32600, `The message has more than ${VALUE_BOUNDS.values} values.`)
    }
    return JSON.parse(json.toString())
  }
}

function objectOf(entries: readonly (readonly [unknown, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(entries.filter(([name]) => name !== '__proto__'))
}
