import { availableParallelism } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

/** What can be measured, in the order in which it is. */
export const TOPICS = [
  'warm',
  'imports',
  'native',
  'burst',
  'load',
  'callers',
  'doors',
  'sessions',
  'e2b',
  'session-io',
  'session-sleep',
  'idle',
  'density',
  'cold',
  'start',
] as const
export type Topic = (typeof TOPICS)[number]

/** How much is measured. */
export interface Options {
  readonly topics: ReadonlySet<Topic>
  /** Warm runs of each program, and bare processes of a program that takes milliseconds. */
  readonly samples: number
  /** Bare processes of a program that takes most of a second. */
  readonly slowSamples: number
  /** First uses of each library, and bare processes that import it. */
  readonly importSamples: number
  /** Cold sandboxes of each program. */
  readonly coldSamples: number
  /** Quiet time before each warm run, the pool being full, and before each bare process. */
  readonly pauseMs: number
  /** How long a sustained load is counted. */
  readonly loadSeconds: number
  /** Callers at once of each sustained load. */
  readonly clients: readonly number[]
  readonly bursts: number
  /** Sessions that are created, put to sleep and copied. */
  readonly sessions: number
  /** Sessions on disk at once. */
  readonly idleSessions: number
  readonly starts: number
  /** How long the idle service is watched. */
  readonly idleSeconds: number
  /** Executors that are looked at for the memory of one without libraries. */
  readonly densityExecutors: number
  /** Where all figures go as JSON, or null. */
  readonly jsonFile: string | null
}

export const USAGE = `npm run bench -- [options]
  --quick            few samples: whether it works, not how fast it is
  --only TOPIC,...   of ${TOPICS.join(', ')}
  --samples N        warm runs of each program (100)
  --pause MS         quiet time before each run or process that is timed alone (50)
  --seconds N        length of each sustained load (20)
  --clients N,...    callers at once of each sustained load (twice the processors, and 16)
  --json FILE        writes all figures there`

const NORMAL = {
  samples: 100,
  slowSamples: 20,
  importSamples: 5,
  coldSamples: 5,
  loadSeconds: 20,
  bursts: 20,
  sessions: 10,
  idleSessions: 200,
  starts: 5,
  idleSeconds: 10,
  densityExecutors: 4,
}

const QUICK: typeof NORMAL = {
  samples: 8,
  slowSamples: 3,
  importSamples: 1,
  coldSamples: 1,
  loadSeconds: 4,
  bursts: 3,
  sessions: 2,
  idleSessions: 5,
  starts: 2,
  idleSeconds: 3,
  densityExecutors: 2,
}

/**
 * @returns null when only the usage is asked for
 * @throws Error that names the option
 */
export function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    allowPositionals: false,
    options: {
      help: { type: 'boolean', short: 'h' },
      quick: { type: 'boolean' },
      only: { type: 'string' },
      samples: { type: 'string' },
      pause: { type: 'string' },
      seconds: { type: 'string' },
      clients: { type: 'string' },
      json: { type: 'string' },
    },
  })
  if (values.help) return null
  const amounts = values.quick ? QUICK : NORMAL
  const clients = values.clients?.split(',').map((text) => whole('clients', text, 1))
  return {
    ...amounts,
    topics: new Set(values.only?.split(',').map(topic) ?? TOPICS),
    samples: whole('samples', values.samples, 1) ?? amounts.samples,
    pauseMs: whole('pause', values.pause, 0) ?? 50,
    loadSeconds: whole('seconds', values.seconds, 1) ?? amounts.loadSeconds,
    clients: clients ?? [...new Set([2 * availableParallelism(), 16])],
    jsonFile: values.json === undefined ? null : path.resolve(values.json),
  }
}

function topic(text: string): Topic {
  const found = TOPICS.find((name) => name === text)
  if (!found) throw new Error(`--only: "${text}" is not one of ${TOPICS.join(', ')}`)
  return found
}

function whole(name: string, text: string, least: number): number
function whole(name: string, text: string | undefined, least: number): number | undefined
function whole(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least) return value
  throw new Error(`--${name}: "${text}" is not a whole number, ${least} or more`)
}
