import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import WebSocket from 'ws'

/** A message of a kernel. */
export interface Said {
  readonly msg_type: string
  readonly channel: string
  readonly parent_header: { readonly msg_id: string }
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly content: any
}

/** A client of Jupyter's REST API and channels, written from its documentation. */
export class JupyterClient {
  readonly #base: string
  readonly #token: string

  /** @param base without `/api` */
  constructor(base: string, token = '') {
    this.#base = base
    this.#token = token
  }

  ask(method: string, path: string, body?: object): Promise<Response> {
    const json = { 'content-type': 'application/json' }
    return fetch(`${this.#base}/api${path}${this.#query()}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: json } : {}),
    })
  }

  /** @returns id of a new kernel */
  async start(name?: string): Promise<string> {
    const answer = await this.ask('POST', '/kernels', name ? { name } : undefined)
    if (answer.status !== 201) throw new Error(`status ${answer.status}`)
    return ((await answer.json()) as { id: string }).id
  }

  /** @param session by which the client is known when it comes again */
  async connect(
    id: string,
    headers: Record<string, string> = {},
    { session, protocol }: { session?: string | undefined; protocol?: string | undefined } = {},
  ): Promise<Channels> {
    const query = [this.#query().slice(1), session && `session_id=${session}`].filter(Boolean)
    const at = `${this.#base.replace('http', 'ws')}/api/kernels/${id}/channels`
    const address = query.length > 0 ? `${at}?${query.join('&')}` : at
    const socket = new WebSocket(address, protocol ? [protocol] : [], { headers })
    const channels = new Channels(socket)
    await once(socket, 'open')
    return channels
  }

  #query(): string {
    return this.#token ? `?token=${this.#token}` : ''
  }
}

export class Channels {
  readonly socket: WebSocket
  readonly said: Said[] = []
  closed: number | null = null
  readonly #waiting = new Set<() => void>()

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer, isBinary) => {
      this.said.push(isBinary ? saidIn(data) : JSON.parse(String(data)))
      this.#wake()
    })
    socket.on('close', (code) => {
      this.closed = code
      this.#wake()
    })
    socket.on('error', () => {})
  }

  /** @returns id of the message */
  send(msg_type: string, content: object = {}, more: object = {}): string {
    const msg_id = randomUUID()
    const header = { msg_id, msg_type, username: 'user', session: 's', version: '5.3' }
    const message = { header, parent_header: {}, metadata: {}, content, channel: 'shell', ...more }
    const { channel, ...rest } = message
    this.socket.send(
      this.socket.protocol ? binaryFrame(channel, Object.values(rest)) : JSON.stringify(message),
    )
    return msg_id
  }

  /** What is said to a request, up to the state `idle`. */
  async answersTo(id: string): Promise<Said[]> {
    const mine = () => this.said.filter(({ parent_header }) => parent_header.msg_id === id)
    await this.until(() => mine().some(({ content }) => content.execution_state === 'idle'))
    return mine()
  }

  execute(code: string): Promise<Said[]> {
    const content = { code, silent: false, store_history: true, allow_stdin: false }
    return this.answersTo(this.send('execute_request', content, { channel: 'shell' }))
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closed !== null) throw new Error(`closed with ${this.closed}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

/** Writes a frame of the binary sub-protocol, from its documentation. */
function binaryFrame(channel: string, parts: readonly object[]): Buffer {
  const bytes = [Buffer.from(channel), ...parts.map((part) => Buffer.from(JSON.stringify(part)))]
  const offsets = [8 * (bytes.length + 2)]
  for (const one of bytes) offsets.push((offsets.at(-1) as number) + one.length)
  const words = [offsets.length, ...offsets].map((word) => {
    const eight = Buffer.alloc(8)
    eight.writeBigUInt64LE(BigInt(word))
    return eight
  })
  return Buffer.concat([...words, ...bytes])
}

function saidIn(frame: Buffer): Said {
  const count = Number(frame.readBigUInt64LE(0))
  const at = (index: number) => Number(frame.readBigUInt64LE(8 * (1 + index)))
  const part = (index: number) => frame.toString('utf8', at(index), at(index + 1))
  if (count !== 6) throw new Error(`${count} offsets`)
  const [header, parent_header, , content] = [1, 2, 3, 4].map((index) => JSON.parse(part(index)))
  return { msg_type: header.msg_type, channel: part(0), parent_header, content }
}
