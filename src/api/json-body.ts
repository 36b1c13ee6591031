import { isUtf8 } from 'node:buffer'
import { jsonMembers } from '../lib/json-members.ts'
import { jsonStringBytes } from '../lib/json-string.ts'
import { isJson } from '../lib/json-text.ts'
import { VALUE_BOUNDS } from './json-value.ts'

/** A member that becomes a value has at most this many bytes; larger ones are texts, and stay bytes. */
const MAX_VALUE_BYTES = 128 * 1024
const [QUOTE, OPEN_OBJECT] = [0x22, 0x7b]

/** A member that cannot be read. Its message is for the caller. */
export class WrongMember extends Error {
  readonly pointer: string

  constructor(pointer: string, detail: string) {
    super(detail)
    this.pointer = pointer
  }
}

/** The members of a JSON object, of which large texts are taken as bytes and never become strings. */
export class JsonBody {
  readonly #members: Map<string, Buffer>

  private constructor(members: Map<string, Buffer>) {
    this.#members = members
  }

  /** @param names of the members that may be asked for. @throws WrongMember when it is no object */
  static read(body: Buffer, names: readonly string[]): JsonBody {
    if (!isUtf8(body) || !isJson(body)) throw new WrongMember('', 'The body is not valid JSON')
    return JsonBody.of(body, names)
  }

  /** @param json valid JSON text in UTF-8. @throws WrongMember when it is no object */
  static of(json: Buffer, names: readonly string[]): JsonBody {
    const isObject = json.find((c) => c > 0x20) === OPEN_OBJECT
    if (!isObject) throw new WrongMember('', 'A JSON object is expected')
    return new JsonBody(jsonMembers(json, names))
  }

  /** The JSON text of a member; undefined: there is none. */
  json(name: string): Buffer | undefined {
    return this.#members.get(name)
  }

  /** The bytes of a member that is a text; null: it is not there, or no text. */
  text(name: string): Buffer | null {
    const member = this.#members.get(name)
    return member?.[0] === QUOTE ? jsonStringBytes(member) : null
  }

  /** The value of a small member; undefined: there is none. @throws WrongMember when it is large */
  value(name: string): unknown {
    const member = this.#members.get(name)
    if (member === undefined) return undefined
    if (member.length > MAX_VALUE_BYTES) throw new WrongMember(`/${name}`, `${name} is too large`)
    if (!isJson(member, VALUE_BOUNDS)) {
      throw new WrongMember(`/${name}`, `${name} has too many values`)
    }
    return JSON.parse(member.toString())
  }
}
