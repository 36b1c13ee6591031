import type { RunEnd, RunEvent, RunOutcome } from '../../run/types.ts'
import { outcomeDetail, signalName } from '../v1/present.ts'
import type { Runtime } from './runtimes.ts'

type Status = 'RE' | 'SG' | 'TO' | 'OL' | 'EL' | 'XX'

const STATUSES: Readonly<Record<Exclude<RunEnd, 'output'>, Status>> = {
  exit: 'RE',
  signal: 'SG',
  time: 'TO',
  memory: 'SG',
  refused: 'XX',
  interfered: 'XX',
  result: 'XX',
}

/** Keeps what a program writes in the order in which it came. */
export class Transcript {
  readonly #chunks: Buffer[] = []

  readonly tell = (event: RunEvent): void => {
    if (event.type === 'stdout' || event.type === 'stderr') this.#chunks.push(event.bytes)
  }

  toString(): string {
    return Buffer.concat(this.#chunks).toString()
  }
}

/** Returns an outcome in the words of Piston. */
export function presentOutcome(
  { language, version }: Runtime,
  outcome: RunOutcome,
  transcript: Transcript,
) {
  const { stdout, stderr, usage } = outcome
  const status = statusOf(outcome)
  const run = {
    signal: signalOf(outcome, status),
    stdout: stdout.toString(),
    stderr: stderr.toString(),
    code: outcome.end === 'exit' ? outcome.exitCode : null,
    output: transcript.toString(),
    memory: Math.round(usage.peakMemoryBytes),
    message: messageOf(outcome, status),
    status,
    cpu_time: Math.round(usage.cpuMs),
    wall_time: Math.round(usage.wallMs),
  }
  return { run, language, version }
}

function statusOf({ end, exitCode, flooded }: RunOutcome): Status | null {
  if (end === 'exit' && exitCode === 0) return null
  if (end === 'output') return flooded === 'stderr' ? 'EL' : 'OL'
  return STATUSES[end]
}

/** What was ended for a limit was killed. */
function signalOf({ signal }: RunOutcome, status: Status | null): string | null {
  if (signal !== null) return signalName(signal)
  return status !== null && ['SG', 'TO', 'OL', 'EL'].includes(status) ? 'SIGKILL' : null
}

function messageOf(outcome: RunOutcome, status: Status | null): string | null {
  const { end, exitCode, signal } = outcome
  if (status === null) return null
  if (end === 'exit') return `Exited with error status ${exitCode}`
  if (end === 'signal') return `Caught fatal signal ${signal}`
  if (end === 'time') return 'Time limit exceeded'
  if (status === 'OL') return 'stdout length exceeded'
  if (status === 'EL') return 'stderr length exceeded'
  return outcomeDetail(outcome)
}
