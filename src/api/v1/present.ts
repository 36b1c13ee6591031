import { constants } from 'node:os'
import { SLICE_BYTES, textSlices } from '../../lib/text-slices.ts'
import { mediaTypeOf } from '../../run/media-types.ts'
import { bytesOfBundle } from '../../run/mime-bundle.ts'
import type { Denied, RunEnd, RunOutcome } from '../../run/types.ts'
import type { RunStatus } from './answer-schema.ts'

/** An outcome in the words of the native API. */

const STATUS_OF_END: Readonly<Record<Exclude<RunEnd, 'exit'>, RunStatus>> = {
  signal: 'failed',
  time: 'timed_out',
  memory: 'out_of_memory',
  output: 'output_limit',
  refused: 'refused',
  interfered: 'failed',
  result: 'failed',
}

/** Returns the status of an outcome in the words of the native API. */
export function statusOf({ end, exitCode }: RunOutcome): RunStatus {
  if (end === 'exit') return exitCode === 0 ? 'succeeded' : 'failed'
  return STATUS_OF_END[end]
}

/** Returns what an outcome holds in memory, roughly, until it has been read. */
export function heldBytes(
  outcome: Pick<RunOutcome, 'files' | 'resultJson' | 'stdout' | 'stderr' | 'displays'>,
): number {
  const { files, resultJson, stdout, stderr, displays } = outcome
  const ofFiles = files.reduce((sum, { content }) => sum + content.length, 0)
  const ofDisplays = displays.reduce((sum, bundle) => sum + bytesOfBundle(bundle), 0)
  return ofFiles + ofDisplays + (resultJson?.length ?? 0) + stdout.length + stderr.length
}

/**
 * Returns an outcome as JSON text without line ends, in pieces: files may be 100 MiB, which as one text would hold
 * up whatever else is served. The result goes in as the runner wrote it, so that no number loses a digit.
 * @param id of the run
 */
export function* outcomePieces(
  id: string,
  outcome: RunOutcome,
): Generator<string, void, undefined> {
  yield* outcomeHead(id, outcome)
  for (const [index, { path, content }] of outcome.files.entries()) {
    yield `${index > 0 ? ',' : ''}${fileHead(path, content.length)},"content_base64":"`
    for (let at = 0; at < content.length; at += SLICE_BYTES) {
      yield content.toString('base64', at, at + SLICE_BYTES)
    }
    yield '"}'
  }
  yield ']}'
}

/** Returns what a file has besides its content, as the beginning of an object's text. */
export function fileHead(path: string, size: number): string {
  return JSON.stringify({ path, size, media_type: mediaTypeOf(path) }).slice(0, -1)
}

/** Returns the pieces of outcomePieces() up to where the files begin: the list is open. */
export function* outcomeHead(id: string, outcome: RunOutcome): Generator<string, void, undefined> {
  const head = {
    id,
    status: statusOf(outcome),
    ...presented(outcome),
    files_left_out: outcome.filesLeftOut,
    detail: outcomeDetail(outcome),
  }
  yield* textSlices(`${JSON.stringify(head).slice(0, -1)},"result":`)
  yield* textSlices(resultText(outcome))
  yield ',"files":['
}

/** Returns what the answers of a run and of a run in a session have in common. */
export function presented(
  outcome: Omit<RunOutcome, 'end' | 'detail' | 'files' | 'filesLeftOut' | 'denied' | 'resultJson'>,
) {
  const { exitCode, signal, stdout, stderr, flooded, error, displays, usage, timings } = outcome
  return {
    exit_code: exitCode,
    signal: signal === null ? null : signalName(signal),
    stdout: stdout.toString(),
    stderr: stderr.toString(),
    stdout_truncated: flooded === 'stdout',
    stderr_truncated: flooded === 'stderr',
    displays,
    error,
    usage: {
      wall_ms: rounded(usage.wallMs),
      cpu_ms: rounded(usage.cpuMs),
      peak_memory_bytes: Math.round(usage.peakMemoryBytes),
    },
    timings: {
      queue_ms: rounded(timings.queueMs),
      execute_ms: rounded(timings.executeMs),
      collect_ms: rounded(timings.collectMs),
    },
  }
}

/** Returns a result as JSON text without line ends: valid JSON has them between its tokens only. */
export function resultText({ resultJson }: Pick<RunOutcome, 'resultJson'>): string {
  return (resultJson ?? 'null').replace(/[\r\n]/g, ' ')
}

/** Returns the same as one text, for what is small. */
export function outcomeText(id: string, outcome: RunOutcome): string {
  return [...outcomePieces(id, outcome)].join('')
}

/** Returns what happened, in a sentence or two for a person. */
export function outcomeDetail({ detail, ...outcome }: RunOutcome): string {
  // What the core says of these ends is a sentence of its own: of a script's last command too.
  const isScript = outcome.end === 'exit' && outcome.exitCode !== 0 && outcome.error === null
  const isWhole = isScript || ['signal', 'interfered', 'result'].includes(outcome.end)
  if (isWhole && detail !== null) return detail
  const said = endSentence(outcome)
  return detail === null ? said : `${said} ${detail}`
}

function endSentence({ end, exitCode, error, denied }: Omit<RunOutcome, 'detail'>): string {
  switch (end) {
    case 'time':
      return 'The program was ended because it reached its time limit.'
    case 'memory':
      return 'The program was ended because it reached its memory limit.'
    case 'output':
      return 'The program was ended because it wrote more than it may.'
    case 'refused':
      return 'The code policy refused the program; nothing of it has run:'
    case 'interfered':
      return 'The program interfered with its sandbox.'
    case 'signal':
      return 'The program was ended by a signal.'
    case 'result':
      return 'What the program gave back is no result.'
    case 'exit':
      if (exitCode === 0) return 'The program ended well.'
      if (denied !== null) return DENIED[denied]
      if (error) return `The program failed with ${error.name}${where(error.line)}.`
      return `The program ended with exit code ${exitCode}.`
  }
}

const DENIED: Readonly<Record<Denied, string>> = {
  network: 'The program failed because it was denied a connection.',
  file: 'The program failed because it was denied a file.',
  syscall: 'The program failed because it was denied an operation.',
}

const where = (line: number | null) => (line === null ? '' : ` in line ${line}`)

const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
)

/** Returns the name of a signal, such as `SIGSEGV`; by its number where it has no name. */
export function signalName(signal: number): string {
  return SIGNAL_NAMES.get(signal as never) ?? `SIG${signal}`
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
