import type { CodeResult } from '../../src/api/ragflow/code-result.ts'
import { presentOutcome } from '../../src/api/ragflow/present.ts'
import { emptyTranscript } from '../../src/run/collect.ts'
import { judge } from '../../src/run/judge.ts'
import type { Failure, RunRecord, RunReport, Transcript } from '../../src/run/record.ts'
import type { RunLimits } from '../../src/run/types.ts'

export const CLEAN_END: RunReport = {
  cause: 'ended',
  exitCode: 0,
  signal: 0,
  flooded: null,
  artifactsLeftOut: 0,
}
export const NO_FAILURE: Failure = {
  name: '',
  errno: null,
  code: null,
  memory: false,
  network: false,
  lastCommand: false,
}

/** A transcript in which nothing was said but what is given. */
export function transcriptWith(part: Partial<Transcript> = {}): Transcript {
  return { ...emptyTranscript(), report: CLEAN_END, ...part }
}

/** The facts of a run that ended well, but for what is given. */
export function recordWith(
  transcript: Partial<Transcript> = {},
  part: Partial<Omit<RunRecord, 'transcript'>> = {},
): RunRecord {
  return {
    transcript: transcriptWith(transcript),
    intervention: null,
    outOfMemoryKills: 0,
    hasNetwork: false,
    refusedConnections: 0,
    peakMemoryBytes: 1024 ** 2,
    cpuTimeMs: 1,
    wallTimeMs: 2.5,
    ...part,
  }
}

/** RAGFlow's answer to a run of which this is known. */
export function answerTo(record: RunRecord, limits: RunLimits): CodeResult {
  const timings = { queueMs: 0, executeMs: 0, collectMs: 0 }
  return presentOutcome({ ...judge(record, limits), timings })
}
