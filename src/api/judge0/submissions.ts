import type { Jobs, RunInfo } from '../../jobs/jobs.ts'
import type { KeptFiles } from '../../jobs/kept-files.ts'
import { jsonMembers } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import type { RunRequest } from '../../run/types.ts'
import { storedOutcomeJson } from '../v1/stored.ts'
import type { Values } from './read-request.ts'

/** What was submitted, as it is kept. Texts are decoded. */
export interface Submitted {
  readonly values: Values
  /** Null: it was not read. */
  readonly source: Buffer | null
  readonly stdin: Buffer | null
  readonly expected: Buffer | null
}

/** A submission, and what became of it. */
export interface Submission extends Submitted {
  readonly run: RunInfo
  /** Null: there is none, or not yet. */
  readonly outcome: StoredOutcome | null
}

export interface StoredOutcome {
  /** In the words of the native API. */
  readonly status: string
  readonly exitCode: number | null
  /** Its name. */
  readonly signal: string | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly usage: {
    readonly wall_ms: number
    readonly cpu_ms: number
    readonly peak_memory_bytes: number
  }
  readonly detail: string
}

const [NAME, SMALL] = ['submission', ['status', 'exit_code', 'signal', 'usage', 'detail']]

/**
 * Submissions: accepted runs, each with a file of its owner that says what was submitted. The token is the id of the
 * run, and is known to its owner only.
 */
export class Submissions {
  readonly #jobs: Jobs
  readonly #kept: KeptFiles
  readonly #keepMs: number

  /** @param keepMs how long a run is kept after its end */
  constructor(jobs: Jobs, kept: KeptFiles, keepMs: number) {
    this.#jobs = jobs
    this.#kept = kept
    this.#keepMs = keepMs
  }

  /** @throws ManagerError HELD_TOO_MUCH, STORE_FAILED */
  async accept(run: RunRequest, submitted: Submitted): Promise<RunInfo> {
    const { values, source, stdin, expected } = submitted
    // What is asked for most comes first.
    const sizes = [expected, stdin, source].map((bytes) => bytes?.length ?? null)
    const head = Buffer.from(`${JSON.stringify({ values, sizes })}\n`)
    const pieces = [head, expected, stdin, source].filter((bytes) => bytes !== null)
    // It waits for some time before it ends.
    await this.#kept.put(run.caller, run.id, NAME, pieces, { keepMs: 2 * this.#keepMs })
    try {
      const { run: info } = await this.#jobs.accept(run, { idempotency: null, callback: null })
      return info
    } catch (error) {
      await this.#kept.remove(run.caller, run.id, NAME).catch(() => {})
      throw error
    }
  }

  /**
   * @param isWhole whether what was submitted is read as a whole; else source and stdin are null
   * @returns null where there is none, also when it is another owner's
   */
  async find(owner: string, token: string, isWhole: boolean): Promise<Submission | null> {
    const run = await this.#jobs.find(owner, token)
    const file = run && (await this.#kept.get(owner, token, NAME))
    if (!run || !file) return null
    const pieces: Buffer[] = []
    let submitted: Submitted | null = null
    let read = 0
    for await (const piece of file.read()) {
      pieces.push(piece)
      read += piece.length
      if (isWhole && read < file.size) continue
      submitted = submittedIn(Buffer.concat(pieces), isWhole)
      if (submitted) break
    }
    if (submitted === null) return null
    const isEnded = run.state === 'ended' && run.problem === null
    const outcome = isEnded ? await this.#outcome(run) : null
    return { ...submitted, run, outcome }
  }

  /** Removes a submission that has ended. */
  async remove({ owner, id }: RunInfo): Promise<void> {
    await this.#jobs.remove(owner, id)
    await this.#kept.remove(owner, id, NAME)
  }

  /** What a run wrote, in the order of its events. */
  async interleaved({ owner, id }: RunInfo): Promise<Buffer> {
    const texts: string[] = []
    for (let after = 0; ; ) {
      const events = await this.#jobs.events(owner, id, after, PAGE_BYTES)
      if (events.length === 0) return Buffer.from(texts.join(''))
      for (const { number, name, data } of events) {
        after = number
        if (name !== 'stdout' && name !== 'stderr') continue
        texts.push((JSON.parse(data) as { text: string }).text)
      }
    }
  }

  async #outcome({ owner, id }: RunInfo): Promise<StoredOutcome | null> {
    const json = await storedOutcomeJson(this.#jobs, owner, id)
    if (json === null) return null
    const found = jsonMembers(json, [...SMALL, 'stdout', 'stderr'])
    const value = (name: string) => JSON.parse((found.get(name) ?? 'null').toString())
    const bytes = (name: string) => jsonStringBytes(found.get(name) ?? Buffer.from('""'))
    return {
      status: value('status'),
      exitCode: value('exit_code'),
      signal: value('signal'),
      usage: value('usage') ?? { wall_ms: 0, cpu_ms: 0, peak_memory_bytes: 0 },
      detail: value('detail') ?? '',
      stdout: bytes('stdout'),
      stderr: bytes('stderr'),
    }
  }
}

const PAGE_BYTES = 256 * 1024

/** @returns null where that needs more of the file */
function submittedIn(bytes: Buffer, isWhole: boolean): Submitted | null {
  const end = bytes.indexOf('\n')
  if (end < 0) return null
  const { values, sizes } = JSON.parse(bytes.toString('utf8', 0, end)) as {
    values: Values
    sizes: [expected: number | null, stdin: number | null, source: number]
  }
  let at = end + 1
  const texts = sizes.slice(0, isWhole ? 3 : 1).map((size) => {
    if (size === null) return null
    at += size
    return bytes.subarray(at - size, at)
  })
  if (at > bytes.length) return null
  const [expected = null, stdin = null, source = null] = texts
  return { values, source, stdin, expected }
}
