/** The answer of RAGFlow's `POST /run`; its field names are the wire's. */

export type ResultStatus =
  | 'success'
  | 'program_error'
  | 'resource_limit_exceeded'
  | 'unauthorized_access'
  | 'runtime_error'
  | 'program_runner_error'

export interface Artifact {
  readonly name: string
  readonly mime_type: string
  readonly size: number
  /** `content_b64` in the answer. */
  readonly content: Buffer
}

export interface CodeResult {
  readonly status: ResultStatus
  /** Empty unless the run succeeded: RAGFlow takes what stands here for the result. */
  readonly stdout: string
  readonly stderr: string
  readonly exit_code: number
  readonly detail: string | null
  readonly time_used_ms: number | null
  readonly memory_used_kb: number | null
  readonly resource_limit_type: 'time' | 'memory' | 'output' | null
  readonly unauthorized_access_type: 'disallowed_syscall' | 'file_access' | 'network_access' | null
  readonly runtime_error_type: 'signalled' | 'nonzero_exit' | null
  /** What was printed to stdout by a run that did not succeed; null when it did or never began. */
  readonly partial_stdout: string | null
  readonly artifacts: readonly Artifact[]
  /** JSON text of what main returned, valid JSON; null when there is no result. */
  readonly resultJson: string | null
}

export const EMPTY_RESULT: Omit<CodeResult, 'status' | 'exit_code'> = Object.freeze({
  stdout: '',
  stderr: '',
  detail: null,
  time_used_ms: null,
  memory_used_kb: null,
  resource_limit_type: null,
  unauthorized_access_type: null,
  runtime_error_type: null,
  partial_stdout: null,
  artifacts: [],
  resultJson: null,
})

/** Of a text that become a piece, and of an artifact; a multiple of 3, so that pieces of base64 fit. */
const PIECE_BYTES = 192 * 1024

/** Returns what an answer holds in memory, roughly, until it has been read. */
export function heldBytes({ artifacts, resultJson, stdout, stderr }: CodeResult): number {
  const ofArtifacts = artifacts.reduce((sum, { content }) => sum + content.length, 0)
  return ofArtifacts + (resultJson?.length ?? 0) + stdout.length + stderr.length
}

/**
 * Returns the body of the answer, in pieces: artifacts may be 100 MiB, which as one text would hold up
 * whatever else is served, and take several times that in memory. The result's JSON text goes in as
 * the runner wrote it: parsing it here would turn 1.0 into 1 and take digits from large numbers.
 */
export function* answerPieces({
  resultJson,
  artifacts,
  ...rest
}: CodeResult): Generator<string, void, undefined> {
  yield* slices(`${JSON.stringify(rest).slice(0, -1)},"artifacts":[`)
  for (const [index, { content, ...artifact }] of artifacts.entries()) {
    yield `${index > 0 ? ',' : ''}${JSON.stringify(artifact).slice(0, -1)},"content_b64":"`
    for (let at = 0; at < content.length; at += PIECE_BYTES) {
      yield content.toString('base64', at, at + PIECE_BYTES)
    }
    yield '"}'
  }
  yield '],"result":'
  if (resultJson === null) yield 'null'
  else {
    yield '{"present":true,"value":'
    yield* slices(resultJson)
    yield ',"type":"json"}'
  }
  yield '}'
}

/** A pair of surrogates is one character of UTF-8 and stays together. */
function* slices(text: string): Generator<string, void, undefined> {
  let at = 0
  while (at < text.length) {
    let end = Math.min(text.length, at + PIECE_BYTES)
    const last = text.charCodeAt(end - 1)
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end--
    yield text.slice(at, end)
    at = end
  }
}

/** Returns the body of an answer that is small. */
export function serializeCodeResult(result: CodeResult): string {
  return [...answerPieces(result)].join('')
}
