import type { Jobs, RunInfo } from '../../jobs/jobs.ts'
import type { KeptFiles } from '../../jobs/kept-files.ts'
import { jsonMembers } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import type { RunRequest } from '../../run/types.ts'
import { storedOutcomeJson } from '../v1/stored.ts'
import type { Values } from './read-request.ts'
import { isSameOutput } from './same-output.ts'

/** What was submitted, as it is kept. Texts are decoded. */
export interface Submitted {
  readonly values: Values
  /** Null: it was not read. */
  readonly source: Buffer | null
  readonly stdin: Buffer | null
  /** Null: there is none, or it was not read. */
  readonly expected: Buffer | null
  /** The archive, not unpacked. */
  readonly additional: Buffer | null
}

/** Which texts of a submission are read. */
export interface WantedTexts {
  /** Source, stdin and archive. */
  readonly isWhole: boolean
  readonly hasExpected: boolean
}

/** A submission, and what became of it. */
export interface Submission extends Submitted {
  readonly run: RunInfo
  /** Null: there is none, or not yet. */
  readonly outcome: StoredOutcome | null
  /** Stdout with stderr in it, where that was asked for; null: it was not, or not yet. */
  readonly combined: Buffer | null
  /** Whether it ended well and wrote what was expected. */
  readonly isRight: boolean
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
  /** Of the latest that were asked for: whether they wrote what was expected. */
  readonly #verdicts = new Map<string, boolean>()

  /** @param keepMs how long a run is kept after its end */
  constructor(jobs: Jobs, kept: KeptFiles, keepMs: number) {
    this.#jobs = jobs
    this.#kept = kept
    this.#keepMs = keepMs
  }

  /** @throws ManagerError HELD_TOO_MUCH, STORE_FAILED */
  async accept(run: RunRequest, submitted: Submitted): Promise<RunInfo> {
    const { values, source, stdin, expected, additional } = submitted
    // What is asked for most comes first.
    const parts = [expected, stdin, source, additional]
    const sizes = parts.map((bytes) => bytes?.length ?? null)
    const head = Buffer.from(`${JSON.stringify({ values, sizes })}\n`)
    const pieces = [head, ...parts].filter((bytes) => bytes !== null)
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
   * Finds a submission. The texts that are not wanted are null.
   * @returns null where there is none, also when it is another owner's
   */
  async find(owner: string, token: string, wanted: WantedTexts): Promise<Submission | null> {
    const run = await this.#jobs.find(owner, token)
    const file = run && (await this.#kept.get(owner, token, NAME))
    if (!run || !file) return null
    const isEnded = run.state === 'ended' && run.problem === null
    const outcome = isEnded ? await this.#outcome(run) : null
    const verdict = this.#verdicts.get(token)
    const isToJudge = outcome?.status === 'succeeded' && verdict === undefined
    const count = wanted.isWhole ? 4 : wanted.hasExpected || isToJudge ? 1 : 0
    const submitted = await submittedIn(file.read(), count)
    if (submitted === null) return null
    const isCombined = outcome !== null && submitted.values.redirect_stderr_to_stdout === true
    const combined = isCombined ? await this.#interleaved(run) : null
    const { expected } = submitted
    const isRight = isToJudge
      ? this.#judge(token, expected, combined ?? outcome.stdout)
      : outcome?.status === 'succeeded' && verdict === true
    const shown = wanted.hasExpected ? expected : null
    return { ...submitted, expected: shown, run, outcome, combined, isRight }
  }

  /** A page of an owner's submissions, the youngest first, and how many there are in all. @param offset how many come before */
  async list(
    owner: string,
    offset: number,
    most: number,
  ): Promise<{ tokens: string[]; total: number }> {
    const { runs, total } = await this.#kept.runsWith(owner, NAME, offset, most)
    return { tokens: runs.map(({ id }) => id), total }
  }

  /** Removes a submission that has ended. */
  async remove({ owner, id }: RunInfo): Promise<void> {
    await this.#jobs.remove(owner, id)
    await this.#kept.remove(owner, id, NAME)
    this.#verdicts.delete(id)
  }

  /** Compares once: outputs are megabytes, and clients ask again and again. */
  #judge(token: string, expected: Buffer | null, output: Buffer): boolean {
    const [oldest] = this.#verdicts.size >= MAX_VERDICTS ? this.#verdicts.keys() : []
    if (oldest !== undefined) this.#verdicts.delete(oldest)
    const isRight = expected === null || isSameOutput(expected, output)
    this.#verdicts.set(token, isRight)
    return isRight
  }

  /** What a run wrote, in the order of its events. */
  async #interleaved({ owner, id }: RunInfo): Promise<Buffer> {
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
const MAX_VERDICTS = 10_000

/**
 * Reads what was submitted, as far as it is needed.
 * @param count of the texts: the expected output, stdin, the source, the archive
 * @returns null where the file ends before that
 */
async function submittedIn(file: AsyncIterable<Buffer>, count: number): Promise<Submitted | null> {
  const pieces: Buffer[] = []
  let read = 0
  let head: Head | null = null
  for await (const piece of file) {
    pieces.push(piece)
    read += piece.length
    head ??= piece.includes('\n') ? headIn(Buffer.concat(pieces), count) : null
    if (head && read >= head.bytes) return textsOf(head, Buffer.concat(pieces))
  }
  return null
}

/** The first line of what was submitted. */
interface Head {
  readonly values: Values
  readonly sizes: readonly (number | null)[]
  /** Where the texts begin, and where those end that are needed. */
  readonly start: number
  readonly bytes: number
}

function headIn(bytes: Buffer, count: number): Head {
  const start = bytes.indexOf('\n') + 1
  const { values, sizes } = JSON.parse(bytes.toString('utf8', 0, start)) as {
    values: Values
    sizes: (number | null)[]
  }
  const needed = sizes.slice(0, count)
  const length = needed.reduce<number>((sum, size) => sum + (size ?? 0), start)
  return { values, sizes: needed, start, bytes: length }
}

function textsOf({ values, sizes, start }: Head, bytes: Buffer): Submitted {
  let at = start
  const texts = sizes.map((size) => {
    if (size === null) return null
    at += size
    return bytes.subarray(at - size, at)
  })
  const [expected = null, stdin = null, source = null, additional = null] = texts
  return { values, source, stdin, expected, additional }
}
