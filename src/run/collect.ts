import { appendChunk } from '../lib/chunks.ts'
import type { ArtifactFile, Failure, LeftOutFile, RunReport, Transcript } from './record.ts'
import type { MimeBundle, RunEvent, RunLimits } from './types.ts'

/** Things that one cell may display. */
export const MAX_DISPLAYS = 100

/** More files that were left out are counted, not named. */
export const MAX_LEFT_OUT = 50

/** Returns the transcript of a run in which nothing has been said yet. */
export function emptyTranscript(): Transcript {
  return {
    stdout: [],
    stderr: [],
    result: null,
    displays: [],
    value: null,
    note: null,
    failure: null,
    printedError: null,
    refused: null,
    artifacts: [],
    leftOut: [],
    report: null,
    violation: null,
    isTaskUnread: false,
    flooded: null,
  }
}

/**
 * Keeps what a sandbox says in one run, within the limits of that run, and tells output as it comes. Of
 * what can be said once the first counts. It knows nothing of frames.
 */
export class Collector {
  readonly transcript = emptyTranscript()
  /** Whether the sandbox has said anything in the run. */
  hasSpoken = false
  readonly #limits: RunLimits
  readonly #onEvent: ((event: RunEvent) => void) | undefined
  readonly #bytes = { stdout: 0, stderr: 0 }
  #shownBytes = 0

  /** @param onEvent told of output within its limit, synchronously; must not throw */
  constructor(limits: RunLimits, onEvent?: (event: RunEvent) => void) {
    this.#limits = limits
    this.#onEvent = onEvent
  }

  /** @returns false when the stream has passed its limit: these bytes are not kept */
  addOutput(stream: 'stdout' | 'stderr', bytes: Buffer): boolean {
    this.hasSpoken = true
    this.#bytes[stream] += bytes.length
    if (this.#bytes[stream] > this.#limits.outputBytes) {
      this.transcript.flooded = stream
      return false
    }
    appendChunk(this.transcript[stream], bytes)
    this.#onEvent?.({ type: stream, bytes })
    return true
  }

  /** @returns false when there are more files than the run may have */
  addFile(file: ArtifactFile): boolean {
    this.hasSpoken = true
    if (this.transcript.artifacts.length === this.#limits.artifacts) return false
    this.transcript.artifacts.push(file)
    return true
  }

  /** @returns false when more are named than may be */
  addLeftOut(file: LeftOutFile): boolean {
    this.hasSpoken = true
    if (this.transcript.leftOut.length === MAX_LEFT_OUT) return false
    this.transcript.leftOut.push(file)
    return true
  }

  /** Bytes that the cell may still show. */
  get roomToShow(): number {
    return this.#limits.outputBytes - this.#shownBytes
  }

  /**
   * @param bytes that it took
   * @returns false when there are more than may be: this one is not kept
   */
  addDisplay(data: MimeBundle, bytes: number): boolean {
    this.hasSpoken = true
    this.#shownBytes += bytes
    if (this.transcript.displays.length === MAX_DISPLAYS) {
      this.transcript.flooded = 'displays'
      return false
    }
    this.transcript.displays.push(data)
    this.#onEvent?.({ type: 'display', data })
    return true
  }

  /** @param bytes that it took */
  setValue(value: MimeBundle, bytes: number): void {
    this.hasSpoken = true
    this.#shownBytes += bytes
    this.transcript.value ??= value
  }

  setResult(json: Buffer): void {
    this.hasSpoken = true
    this.transcript.result ??= json
  }

  setNote(note: string): void {
    this.hasSpoken = true
    this.transcript.note ??= note
  }

  /** @param failure null: what was said is no failure */
  setFailure(failure: Failure | null): void {
    this.hasSpoken = true
    this.transcript.failure ??= failure
  }

  /** @param error null: the sandbox's message was not an error */
  setPrintedError(error: Transcript['printedError']): void {
    this.hasSpoken = true
    this.transcript.printedError ??= error
  }

  setRefused(findings: string): void {
    this.hasSpoken = true
    this.transcript.refused = findings
  }

  setReport(report: RunReport): void {
    this.hasSpoken = true
    this.transcript.report = report
  }
}
