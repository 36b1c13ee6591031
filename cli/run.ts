import { constants } from 'node:os'
import { errorOf } from '../clients/typescript/src/errors.ts'
import {
  bodyOf,
  ExecutorManagerError,
  type Outcome,
  type RunToSend,
} from '../clients/typescript/src/index.ts'
import { readEvents } from '../clients/typescript/src/sse.ts'
import type { Transport } from '../clients/typescript/src/transport.ts'
import { EXIT } from './failure.ts'
import { exactJson } from './request.ts'
import { saveFiles } from './save-files.ts'
import { forTerminal, sizeText, writeFrom } from './terminal.ts'

export interface ShowOptions {
  /** The folder that files are written to. */
  readonly out?: string
  /** The outcome, instead of the output as it comes. */
  readonly json?: boolean
}

/**
 * Runs a program and shows what it writes.
 * @returns the exit code
 * @throws ExecutorManagerError, Failure, or the signal's reason
 */
export async function showRun(
  run: RunToSend,
  transport: Transport,
  show: ShowOptions,
  signal: AbortSignal,
): Promise<number> {
  const sending = { method: 'POST', path: '/v1/runs', body: await bodyOf(run), signal } as const
  const text = show.json
    ? await (await transport.send(sending)).text()
    : await showEvents(
        await transport.send({ ...sending, headers: { accept: 'text/event-stream' } }),
        signal,
      )
  const outcome = exactJson(text) as Outcome
  const paths = show.out === undefined ? null : saveFiles(outcome.files, show.out)
  if (show.json) {
    process.stdout.write(`${paths ? JSON.stringify(withPaths(outcome, paths)) : text}\n`)
  } else {
    if (run.mode === 'function') {
      const result = JSON.stringify(outcome.result)
      await writeFrom(process.stdout, `${result}\n`)
    } else if (run.mode === 'cell' && outcome.result !== null) {
      await writeFrom(process.stdout, plainText(outcome.result as Record<string, unknown>))
    }
    for (const line of remarks(outcome, paths)) say(line)
  }
  return exitCodeOf(outcome)
}

/** @returns the outcome as JSON text */
async function showEvents(response: Response, signal: AbortSignal): Promise<string> {
  let end = 'it ended'
  try {
    for await (const { event, data } of readEvents(response.body as ReadableStream)) {
      if (event === 'done') return data
      if (event === 'error') throw errorOf(JSON.parse(data))
      if (event === 'stdout' || event === 'stderr') {
        await writeFrom(process[event], JSON.parse(data).text)
      }
      if (event === 'display') await writeFrom(process.stdout, plainText(JSON.parse(data).data))
    }
  } catch (error) {
    if (error instanceof ExecutorManagerError) throw error
    signal.throwIfAborted()
    end = (error as Error).message
  }
  throw new ExecutorManagerError('broken-stream', `the service did not say how it ended: ${end}`)
}

/** What a cell shows, as a line or lines of a terminal. */
function plainText(bundle: Record<string, unknown>): string {
  const text = bundle['text/plain']
  return `${typeof text === 'string' ? text : `[${Object.keys(bundle).join(', ')}]`}\n`
}

/** What a person has to know beside the output. */
function remarks(outcome: Outcome, paths: readonly string[] | null): string[] {
  const { status, exit_code: code, detail, files, files_left_out: leftOut } = outcome
  const lines: string[] = []
  // A program that ended by itself has said why.
  if (status !== 'succeeded' && (status !== 'failed' || code === null)) lines.push(detail)
  for (const [index, { path, size }] of files.entries()) {
    const where = paths ? `is in ${paths[index]}` : 'came back; --out FOLDER writes it'
    lines.push(`${path} (${sizeText(Number(JSON.stringify(size)))}) ${where}`)
  }
  for (const { path, reason } of leftOut) lines.push(`${path} did not come back: ${reason}`)
  return lines
}

function withPaths(outcome: Outcome, paths: readonly string[]): object {
  const files = outcome.files.map(({ content_base64: _, ...file }, index) => {
    return { ...file, saved_as: paths[index] }
  })
  return { ...outcome, files }
}

/** The program's own where it has one, else as a shell or timeout(1) would say it. */
function exitCodeOf({ status, exit_code: code, signal }: Outcome): number {
  switch (status) {
    case 'succeeded':
      return 0
    case 'timed_out':
      return EXIT.time
    case 'out_of_memory':
      return EXIT.memory
    case 'output_limit':
      return EXIT.output
    case 'refused':
      return EXIT.refused
    case 'failed': {
      if (code !== null) return Number(JSON.stringify(code)) & 0xff || 1
      const number = constants.signals[signal as NodeJS.Signals]
      return number ? 128 + number : 1
    }
    default:
      return EXIT.service
  }
}

/** Tells a person something, on stderr. */
export function say(text: string): void {
  console.error(`executor-manager: ${process.stderr.isTTY ? forTerminal(text) : text}`)
}
