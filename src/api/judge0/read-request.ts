import { jsonElements } from '../../lib/json-members.ts'
import { JsonBody, WrongMember } from '../json-body.ts'
import { NO_ARGUMENTS, type Read, type RunInput } from '../v1/read-run.ts'

/** Members of a submission that are no large texts, as they were sent. */
export type Values = Readonly<Record<string, unknown>>

export const NUMBERS = [
  'number_of_runs',
  'cpu_time_limit',
  'cpu_extra_time',
  'wall_time_limit',
  'memory_limit',
  'stack_limit',
  'max_processes_and_or_threads',
  'max_file_size',
] as const
export const FLAGS = [
  'enable_per_process_and_thread_time_limit',
  'enable_per_process_and_thread_memory_limit',
  'redirect_stderr_to_stdout',
  'enable_network',
] as const
const TEXTS = ['compiler_options', 'command_line_arguments', 'callback_url']
const SMALL = ['language_id', ...NUMBERS, ...FLAGS, ...TEXTS]
const LARGE = ['source_code', 'stdin', 'expected_output', 'additional_files']
/** Submissions of a batch. */
export const MAX_BATCH = 20
/** What is large beside source and input, as files of the input. */
export const [EXPECTED, ADDITIONAL] = ['expected_output', 'additional_files'] as const

/**
 * Reads a submission of Judge0's. It works on the bytes, so that code of megabytes never becomes a text; whether they are
 * base64 says the address.
 * @returns a run without a language; its `own` are Values, and its files the output that is expected and the archive
 */
export function readSubmission(body: Buffer): Read<readonly RunInput[]> {
  return reading(() => [inputOf(JsonBody.read(body, [...SMALL, ...LARGE]), '')])
}

/** Reads a batch of submissions: `{submissions: [...]}`. */
export function readSubmissions(body: Buffer): Read<readonly RunInput[]> {
  return reading(() => {
    const json = JsonBody.read(body, ['submissions']).json('submissions')
    const inputs: RunInput[] = []
    for (const element of json?.[0] === 0x5b ? jsonElements(json) : []) {
      if (inputs.length === MAX_BATCH) {
        const said = `number of submissions in a batch should be less than or equal to ${MAX_BATCH}`
        throw new WrongMember('/submissions', said)
      }
      inputs.push(inputOf(JsonBody.of(element, [...SMALL, ...LARGE]), `/${inputs.length}`))
    }
    if (inputs.length > 0) return inputs
    throw new WrongMember('/submissions', 'there should be at least one submission in a batch')
  })
}

function reading(read: () => RunInput[]): Read<readonly RunInput[]> {
  try {
    return { value: read() }
  } catch (error) {
    if (!(error instanceof WrongMember)) throw error
    return { issues: [{ pointer: error.pointer, detail: error.message }] }
  }
}

function inputOf(body: JsonBody, at: string): RunInput {
  const own: Record<string, unknown> = Object.fromEntries(
    SMALL.map((name) => [name, body.value(name) ?? null]),
  )
  const code = body.text('source_code')
  own.has_source = code !== null
  return {
    fields: { mode: 'script', argv: [], env: {}, limits: {}, collect: [] },
    code: code ?? Buffer.alloc(0),
    argumentsJson: NO_ARGUMENTS,
    stdin: body.text('stdin'),
    files: [EXPECTED, ADDITIONAL].flatMap((path) => {
      const content = body.text(path)
      return content === null ? [] : [{ path, content }]
    }),
    at,
    own,
  }
}
