import { constants } from 'node:os'
import { MIB } from '../lib/units.ts'
import { MAX_DISPLAYS } from './collect.ts'
import type { OutputStream } from './record.ts'
import type { LeftOut, RunLimits } from './types.ts'

/** The `detail` of an outcome: sentences for a person that no other member tells. */

/** Files that are named in a detail; the others are counted. */
const MAX_NAMED = 20

const HINTS: Readonly<Record<string, string>> = {
  SIGSEGV: 'a segmentation fault, mostly of a recursion that is too deep or of a native library',
  SIGABRT: 'an abort, mostly of a native library that found its own state broken',
  SIGBUS: 'an access to memory that is not there',
  SIGFPE: 'an arithmetic error in native code',
  SIGILL: 'an instruction that this processor does not have',
}

/** Returns which signal ended a program, by name, and what that mostly means. */
export function signalDetail(signal: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0]
  const hint = name && HINTS[name] ? `: ${HINTS[name]}` : ''
  return `The program was ended by signal ${signal}${name ? ` (${name})` : ''}${hint}.`
}

/** Returns which limit of output was passed; null where that is not known. */
export function outputDetail(stream: OutputStream | null, limits: RunLimits): string | null {
  if (stream === null) return null
  if (stream === 'displays') {
    return `What a cell shows may be ${MAX_DISPLAYS} things of ${size(limits.outputBytes)} in all.`
  }
  if (stream !== 'result') {
    return `${stream} may have ${size(limits.outputBytes)}; what came beyond that is lost.`
  }
  return `The result may have ${size(limits.resultBytes)}: return less, or write it to a file.`
}

/** Returns which limit of time was reached, where it is not that of wall time. */
export function cpuTimeDetail({ cpuTimeMs }: RunLimits): string {
  return `It used its processor time of ${cpuTimeMs} ms.`
}

/** Said where a program failed because it tried to reach something. */
export const NO_NETWORK = 'This sandbox has no network.'

/** Said where a sandbox spoke what the protocol does not allow. */
export const INTERFERED = 'The program interfered with its sandbox.'

/** Tells that a script ended with the exit code of its last command. */
export function lastCommandDetail(exitCode: number): string {
  return `The script ended with exit code ${exitCode} of its last command.`
}

/** Joins the sentences that there are; returns null if there is none. */
export function sentences(...parts: readonly (string | null)[]): string | null {
  return parts.filter((part) => part !== null && part !== '').join(' ') || null
}

/** Returns a text of the sandbox's on one line: it may hold whatever a program wrote. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
}

/** Files that a program made and that are not in the outcome: which, and why. */
export function leftOutDetail(
  files: readonly LeftOut[],
  count: number,
  limits: RunLimits,
): string | null {
  if (count === 0) return null
  const reasons: Record<LeftOut['reason'], string> = {
    number: `more than ${limits.artifacts} files`,
    size: `larger than ${size(limits.artifactBytes)}`,
    time: 'not collected in time',
    unreadable: 'no permission to read',
    name: 'a name that not every system can store',
  }
  const named = files.slice(0, MAX_NAMED).map((file) => `${file.path} (${reasons[file.reason]})`)
  const more = count > named.length ? [`${count - named.length} more`] : []
  return `Files left out: ${[...named, ...more].join(', ')}.`
}

function size(bytes: number): string {
  return bytes >= MIB ? `${Math.round((bytes / MIB) * 10) / 10} MiB` : `${bytes} bytes`
}
