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

  async connect(id: string, headers: Record<string, string> = {}): Promise<Channels> {
    const address = `${this.#base.replace('http', 'ws')}/api/kernels/${id}/channels${this.#query()}`
    const socket = new WebSocket(address, { headers })
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
    socket.on('message', (data) => {
      this.said.push(JSON.parse(String(data)))
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
    this.socket.send(JSON.stringify({ header, parent_header: {}, metadata: {}, content, ...more }))
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
