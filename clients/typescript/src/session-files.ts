import { eventsOf } from './events.ts'
import type { Sending, Transport } from './transport.ts'
import type { FileEntry, FileList, SignedUrl } from './types.ts'

/** A change in a folder. `begun`: no later one is missed; `overflow`: some are not told of; these have no path. */
export interface FileChange {
  readonly event:
    | 'begun'
    | 'created'
    | 'written'
    | 'attributes'
    | 'removed'
    | 'moved_away'
    | 'overflow'
  readonly data: { readonly path?: string }
}

/**
 * Files of a session, by paths from its home or absolute ones. All methods throw ExecutorManagerError.
 */
export class SessionFiles {
  readonly #transport: Transport
  readonly #path: string

  /** @param path of the session */
  constructor(transport: Transport, path: string) {
    this.#transport = transport
    this.#path = path
  }

  /** The content of a file, as it comes. */
  async stream(path: string): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#transport.send({ method: 'GET', path: this.#of(path) })
    return response.body as ReadableStream<Uint8Array>
  }

  async read(path: string): Promise<Uint8Array> {
    return this.#read({ method: 'GET', path: this.#of(path) }, bytesOf)
  }

  async readText(path: string): Promise<string> {
    return this.#read({ method: 'GET', path: this.#of(path) }, (answer) => answer.text())
  }

  /** Writes a file, and makes the folders above it. */
  async write(path: string, content: string | Uint8Array | Blob): Promise<void> {
    await this.#read({ method: 'PUT', path: this.#of(path), body: content }, nothing)
  }

  /** Removes a file, or a folder with all that is in it. */
  async remove(path: string): Promise<void> {
    await this.#read({ method: 'DELETE', path: this.#of(path) }, nothing)
  }

  /** The entries of a folder; by default of the home. */
  async list(path = '', depth = 1): Promise<FileEntry[]> {
    const at = path === '' ? `${this.#path}/files` : this.#of(path)
    const { entries } = await this.#json<FileList>(`${at}?depth=${depth}`)
    return entries
  }

  stat(path: string): Promise<FileEntry> {
    return this.#json(`${this.#of(path)}?depth=0`)
  }

  /** Makes a folder, and those above it. */
  async makeFolder(path: string): Promise<void> {
    await this.#post('/folders', { path }, nothing)
  }

  async move(from: string, to: string): Promise<void> {
    await this.#post('/moves', { from, to }, nothing)
  }

  /** The changes in a folder, by default the home, as they come. It ends when the loop is left or the signal fires. */
  async *watch(path = '', depth = 1, signal?: AbortSignal): AsyncGenerator<FileChange, void> {
    const query = `path=${encodeURIComponent(path)}&depth=${depth}`
    const sending = { method: 'GET', path: `${this.#path}/watch?${query}`, signal } as const
    yield* eventsOf<FileChange>(await this.#transport.send(sending), signal)
  }

  /** A folder as an archive (tar). */
  readArchive(path = ''): Promise<Uint8Array> {
    return this.#read({ method: 'GET', path: this.#archive(path) }, bytesOf)
  }

  /** Unpacks an archive (tar) into a folder, which is made. */
  async writeArchive(archive: Uint8Array | Blob, path = ''): Promise<void> {
    await this.#read({ method: 'PUT', path: this.#archive(path), body: archive }, nothing)
  }

  /** An address, from that of the service, by which anybody may read or write one file for some time. */
  sign(path: string, method: 'GET' | 'PUT' = 'GET', ttlMs = 3_600_000): Promise<SignedUrl> {
    return this.#post('/signed-urls', { path, method, ttl_ms: ttlMs }, signedIn)
  }

  /** An address, from that of the service, by which anybody may reach a server of the session for some time. */
  signPort(port: number, ttlMs = 3_600_000): Promise<SignedUrl> {
    return this.#post('/signed-urls', { port, ttl_ms: ttlMs }, signedIn)
  }

  #of(path: string): string {
    return `${this.#path}/files/${path.split('/').map(encodeURIComponent).join('/')}`
  }

  #archive(path: string): string {
    return `${this.#path}/archive?path=${encodeURIComponent(path)}`
  }

  #json<T>(path: string): Promise<T> {
    return this.#read({ method: 'GET', path }, async (answer) => (await answer.json()) as T)
  }

  #post<T>(rest: string, body: object, take: (answer: Response) => Promise<T>): Promise<T> {
    return this.#read({ method: 'POST', path: this.#path + rest, body: JSON.stringify(body) }, take)
  }

  #read<T>(sending: Sending, take: (answer: Response) => Promise<T>): Promise<T> {
    return this.#transport.read(sending, take)
  }
}

const nothing = async () => {}
const signedIn = async (answer: Response) => (await answer.json()) as SignedUrl
const bytesOf = async (answer: Response) => new Uint8Array(await answer.arrayBuffer())
