import type { Bench } from './context.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { figure, percentileCells, type Report } from './table.ts'

/** Files and terminals of a session. */
export interface SessionIoFigures {
  /** MB/s of a file of FILE_BYTES, from and to this process. */
  readonly upMbPerS: number
  readonly downMbPerS: number
  readonly archiveMbPerS: number
  /** From a key that is typed until its echo is here, at a terminal in raw mode. */
  readonly echoMs: Summary
}

const FILE_BYTES = 32 * 1024 ** 2

export async function measureSessionIo(bench: Bench, service: Service): Promise<SessionIoFigures> {
  bench.say('files and terminals of a session')
  const at = `http://127.0.0.1:${service.port}/v1/sessions`
  const call = async (
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    type = 'application/json',
  ) => {
    const headers = body === undefined ? {} : { 'content-type': type }
    const init = { method, headers, signal: bench.interrupt, ...(body !== undefined && { body }) }
    const response = await fetch(at + path, init)
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
    return response
  }
  const created = await call('POST', '', JSON.stringify({ template: 'python' }))
  const { id } = (await created.json()) as { id: string }
  const rate = async (work: () => Promise<unknown>) => {
    const started = performance.now()
    await work()
    return FILE_BYTES / 1e6 / ((performance.now() - started) / 1000)
  }
  try {
    const bytes = new Uint8Array(FILE_BYTES).fill(97)
    const put = () => call('PUT', `/${id}/files/d/file`, bytes, 'application/octet-stream')
    const get = async (path: string) => (await call('GET', `/${id}${path}`)).arrayBuffer()
    await put()
    const upMbPerS = await rate(put)
    const downMbPerS = await rate(() => get('/files/d/file'))
    const archiveMbPerS = await rate(() => get('/archive?path=d'))
    return {
      upMbPerS,
      downMbPerS,
      archiveMbPerS,
      echoMs: summarize(await echoes(bench, `${at.replace('http', 'ws')}/${id}/terminal`)),
    }
  } finally {
    await call('DELETE', `/${id}`)
  }
}

async function echoes({ options }: Bench, address: string): Promise<number[]> {
  const command = encodeURIComponent('stty raw -echo; echo ready; exec cat')
  const webSocket = new WebSocket(`${address}?command=${command}`)
  webSocket.binaryType = 'arraybuffer'
  let shown: (text: string) => void = () => {}
  let closed = () => {}
  webSocket.addEventListener('message', ({ data }) => {
    if (data instanceof ArrayBuffer) shown(Buffer.from(data).toString())
  })
  webSocket.addEventListener('close', () => closed())
  const next = (wanted: string) =>
    new Promise<void>((resolve, reject) => {
      let seen = ''
      shown = (text) => {
        seen += text
        if (seen.includes(wanted)) resolve()
      }
      closed = () => reject(new Error('the terminal closed'))
    })
  await next('ready')
  const samples: number[] = []
  for (let count = 0; count <= options.samples; count++) {
    const key = String(count % 10)
    const started = performance.now()
    const echoed = next(key)
    webSocket.send(Buffer.from(key))
    await echoed
    if (count > 0) samples.push(performance.now() - started)
  }
  shown = () => {}
  webSocket.close()
  return samples
}

export function sessionIoReport(figures: SessionIoFigures): Report {
  const { upMbPerS, downMbPerS, archiveMbPerS, echoMs } = figures
  const megabytes = FILE_BYTES / 1024 ** 2
  return {
    title: 'Files and terminals of a session',
    columns: ['', 'p50', 'p90', 'p99'],
    rows: [
      [`file of ${megabytes} MiB up, MB/s`, figure(upMbPerS), '', ''],
      [`file of ${megabytes} MiB down, MB/s`, figure(downMbPerS), '', ''],
      [`archive of ${megabytes} MiB down, MB/s`, figure(archiveMbPerS), '', ''],
      ['key at a terminal until its echo, ms', ...percentileCells(echoMs)],
    ],
  }
}
