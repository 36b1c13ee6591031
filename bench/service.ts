import { type ChildProcess, spawn } from 'node:child_process'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Answer {
  readonly ms: number
  readonly status: string
}

/** The real service as a child process, and a client that keeps its connections. */
export class Service {
  readonly #child: ChildProcess
  readonly #port: number
  readonly #poolSize: number
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 256 })

  private constructor(child: ChildProcess, port: number, poolSize: number) {
    this.#child = child
    this.#poolSize = poolSize
    this.#port = port
  }

  /**
   * Starts it and waits until it serves.
   * @returns the service, and the time from its start until it answered, in milliseconds
   */
  static async start(projectDir: string, poolSize: number) {
    const port = 20_000 + (process.pid % 20_000)
    const startedMs = performance.now()
    const child = spawn(process.execPath, ['scripts/bootstrap.mjs', 'start'], {
      cwd: projectDir,
      env: {
        ...process.env,
        SANDBOX_EXECUTOR_MANAGER_PORT: String(port),
        EXECUTOR_MANAGER_LOG_LEVEL: 'error',
        SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: String(poolSize),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const service = new Service(child, port, poolSize)
    while (!(await service.#isUp())) {
      if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}`)
      await sleep(5)
    }
    return { service, startMs: performance.now() - startedMs }
  }

  get pid(): number {
    return this.#child.pid as number
  }

  run(language: string, code: string): Promise<Answer> {
    const code_b64 = Buffer.from(code).toString('base64')
    return this.#post(JSON.stringify({ language, code_b64 }))
  }

  /** Waits until every pool holds what it keeps, so that a run meets a full pool. */
  async full(): Promise<void> {
    for (;;) {
      const text = await this.#get('/metrics')
      const counts = [...text.matchAll(/executors\{.*state="(\w+)"\} (\d+)/g)]
      const isFull = counts.every(([, state, count]) =>
        state === 'ready' ? Number(count) >= this.#poolSize : Number(count) === 0,
      )
      if (isFull) return
      await sleep(20)
    }
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await ended
  }

  #isUp(): Promise<boolean> {
    return this.#get('/healthz').then(
      () => true,
      () => false,
    )
  }

  #get(path: string): Promise<string> {
    return this.#request({ path }).then(({ text }) => text)
  }

  async #post(body: string): Promise<Answer> {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    const { text, ms } = await this.#request({ path: '/run', method: 'POST', headers }, body)
    return { ms, status: JSON.parse(text).status }
  }

  #request(options: http.RequestOptions, body?: string): Promise<{ text: string; ms: number }> {
    const startedMs = performance.now()
    const target = { host: '127.0.0.1', port: this.#port, agent: this.#agent, ...options }
    return new Promise((resolve, reject) => {
      const request = http.request(target, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ text, ms: performance.now() - startedMs }))
      })
      request.on('error', reject)
      request.end(body)
    })
  }
}
