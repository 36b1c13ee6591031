/**
 * The only way out of a sandbox that installs: an HTTP server on a Unix socket, which asks the package index on
 * the sandbox's behalf. It answers for pages of the index, and for files that such a page has linked to, and for
 * nothing else. Credentials and certificates stay here.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { chmodSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream/promises'
import { rewritePage } from './index-pages.ts'
import type { IndexSettings } from './index-settings.ts'

const MAX_PAGE_BYTES = 128 * 1024 * 1024
const MAX_BYTES = 8 * 1024 ** 3
const MAX_REQUESTS = 20_000
const MAX_REDIRECTS = 5
const IDLE_MS = 120_000

/** An answer of the index, and from where it came in the end. */
interface Upstream {
  readonly message: http.IncomingMessage
  readonly url: URL
}

/** Serves package indexes to builds of templates, and counts what they take. */
export class IndexGateway {
  readonly #settings: IndexSettings
  readonly #server: http.Server
  /** By which this gateway knows the links that it has given out. */
  readonly #key = randomBytes(32)
  readonly #agents: { http: http.Agent; https: https.Agent }
  #requests = 0
  #bytes = 0

  private constructor(settings: IndexSettings) {
    this.#settings = settings
    // proxyEnv: HTTPS_PROXY and the like, where this Node.js knows it.
    const options = { keepAlive: true, maxSockets: 16, proxyEnv: process.env }
    this.#agents = { http: new http.Agent(options), https: new https.Agent(options) }
    this.#server = http.createServer((request, response) => {
      this.#answer(request, response).catch((error: Error) => {
        if (response.headersSent) response.destroy()
        else response.writeHead(502).end(`The package index cannot be reached: ${error.message}`)
      })
    })
  }

  /** Starts to serve on a socket that the sandbox's user may connect to. */
  static async listen(settings: IndexSettings, socket: string): Promise<IndexGateway> {
    const gateway = new IndexGateway(settings)
    await new Promise<void>((resolve, reject) => {
      gateway.#server.once('error', reject)
      gateway.#server.listen(socket, resolve)
    })
    chmodSync(socket, 0o666)
    return gateway
  }

  /** Paths of the indexes, behind the socket. */
  get paths(): string[] {
    return this.#settings.urls.map((_, number) => `/index/${number}/`)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { method = '', url = '/', headers } = request
    const refuse = (status: number, why: string) => void response.writeHead(status).end(why)
    if (method !== 'GET' && method !== 'HEAD') return refuse(405, 'Only GET and HEAD.')
    if (++this.#requests > MAX_REQUESTS) return refuse(429, 'Too many requests.')
    const target = this.#targetOf(url)
    if (!target) return refuse(403, 'This address is not one of the package index.')
    const upstream = await this.#ask(target.url, method, headers)
    const { message } = upstream
    const status = message.statusCode ?? 502
    const type = message.headers['content-type'] ?? ''
    if (method === 'HEAD' || status !== 200 || target.isFile || !/html|json/.test(type)) {
      const names = [
        'content-type',
        'content-length',
        'last-modified',
        'content-range',
        'accept-ranges',
      ]
      const kept = names.flatMap((name) => {
        const value = message.headers[name]
        return value === undefined ? [] : [[name, value] as const]
      })
      response.writeHead(status, Object.fromEntries(kept))
      message.on('data', (chunk: Buffer) => {
        this.#bytes += chunk.length
        if (this.#bytes > MAX_BYTES) message.destroy(new Error('too much was downloaded'))
      })
      await pipeline(message, response)
      return
    }
    const page = rewritePage(await readPage(message), type, upstream.url, (link) =>
      this.#linkTo(link, headers.host ?? ''),
    )
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(page) })
    response.end(page)
  }

  /** What a path of ours stands for; null: nothing. */
  #targetOf(path: string): { url: URL; isFile: boolean } | null {
    const [, number, rest = ''] = /^\/index\/(\d+)\/([\w.@%/~+-]*)$/.exec(path) ?? []
    const index = number === undefined ? undefined : this.#settings.urls[Number(number)]
    if (index !== undefined) {
      const url = new URL(rest, index)
      // `..` and the like must not lead out of the index.
      return url.href.startsWith(new URL(index).href) ? { url, isFile: false } : null
    }
    const [, mark, encoded = '', metadata = ''] =
      /^\/file\/([0-9a-f]{64})\/([\w-]+)\/[^/]*?(\.metadata)?$/.exec(path) ?? []
    const link = Buffer.from(encoded, 'base64url').toString()
    if (mark === undefined || this.#markOf(link) !== mark) return null
    const url = new URL(link)
    // PEP 658: the metadata of a file lie beside it.
    if (metadata && !url.pathname.endsWith(metadata)) url.pathname += metadata
    return { url, isFile: true }
  }

  #linkTo(link: URL, host: string): string {
    const plain = new URL(link)
    plain.hash = ''
    const encoded = Buffer.from(plain.href).toString('base64url')
    const name = link.pathname.split('/').at(-1) ?? ''
    return `http://${host}/file/${this.#markOf(plain.href)}/${encoded}/${name}${link.hash}`
  }

  #markOf(link: string): string {
    return createHmac('sha256', this.#key).update(link).digest('hex')
  }

  async #ask(url: URL, method: string, given: http.IncomingHttpHeaders): Promise<Upstream> {
    for (let hops = 0, at = url; hops <= MAX_REDIRECTS; hops++) {
      const message = await this.#request(at, method, given, at.host === url.host ? url : null)
      const to = message.headers.location
      if (![301, 302, 303, 307, 308].includes(message.statusCode ?? 0) || !to) {
        return { message, url: at }
      }
      message.resume()
      at = new URL(to, at)
      if (!/^https?:$/.test(at.protocol)) break
    }
    throw new Error('it redirects too often')
  }

  #request(
    url: URL,
    method: string,
    given: http.IncomingHttpHeaders,
    owner: URL | null,
  ): Promise<http.IncomingMessage> {
    const { certificates, urls } = this.#settings
    const index = urls.map((one) => new URL(one)).find(({ host }) => host === url.host)
    const { username, password } = owner?.username ? owner : (index ?? url)
    const isNpm = /application\/vnd\.npm/.test(given.accept ?? '')
    const headers: http.OutgoingHttpHeaders = {
      accept: isNpm ? given.accept : 'text/html, application/octet-stream;q=0.9, */*;q=0.1',
      'accept-encoding': 'identity',
      'user-agent': given['user-agent'] ?? 'executor-manager',
      ...(given.range ? { range: given.range } : {}),
    }
    if (username || password) {
      const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
      headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    }
    const isSecure = url.protocol === 'https:'
    const agent = isSecure ? this.#agents.https : this.#agents.http
    const bare = new URL(url)
    bare.username = bare.password = ''
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent, ...(certificates ? { ca: certificates } : {}) }
      const request = (isSecure ? https : http).request(bare, options, resolve)
      request.setTimeout(IDLE_MS, () => request.destroy(new Error('it does not answer')))
      request.on('error', reject)
      request.end()
    })
  }
}

async function readPage(message: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_PAGE_BYTES) throw new Error('a page is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
