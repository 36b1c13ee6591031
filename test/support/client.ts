/** The answer of `POST /run` as a client reads it. */
/** All members of an answer of `/run`, sorted. */
export const ANSWER_FIELDS = [
  'artifacts',
  'detail',
  'exit_code',
  'memory_used_kb',
  'partial_stdout',
  'resource_limit_type',
  'result',
  'runtime_error_type',
  'status',
  'stderr',
  'stdout',
  'time_used_ms',
  'unauthorized_access_type',
]

export interface Answer {
  status: string
  stdout: string
  stderr: string
  exit_code: number
  detail: string | null
  time_used_ms: number | null
  memory_used_kb: number | null
  resource_limit_type: string | null
  unauthorized_access_type: string | null
  runtime_error_type: string | null
  partial_stdout: string | null
  artifacts: { name: string; mime_type: string; size: number; content_b64: string }[]
  result: { present: boolean; value: unknown; type: string } | null
}

/** A caller of the service, over HTTP as any other. */
export class Client {
  url = ''

  /** Runs code and returns the answer. */
  async run(language: string, code: string, args: object | null = {}): Promise<Answer> {
    return JSON.parse(await this.runForText(language, code, JSON.stringify(args)))
  }

  /** Arguments go out and the answer comes back as JSON text, so that no number loses a digit. */
  async runForText(language: string, code: string, argsJson = '{}'): Promise<string> {
    const head = JSON.stringify({ code_b64: base64(code), language }).slice(0, -1)
    const response = await this.post(`${head},"arguments":${argsJson}}`)
    if (response.status !== 200) {
      throw new Error(`HTTP ${response.status}: ${await response.text()}`)
    }
    return response.text()
  }

  /** Sends a body as it is. */
  post(body: string | Uint8Array<ArrayBuffer>, init: RequestInit = {}): Promise<Response> {
    const headers = { 'content-type': 'application/json' }
    return fetch(`${this.url}/run`, { method: 'POST', headers, body, ...init })
  }
}

export function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}
