import { jsonElements, jsonEntries } from '../../lib/json-members.ts'
import { readDify } from '../dify/read-request.ts'
import { readJobe } from '../jobe/read-request.ts'
import { readSubmission, readSubmissions } from '../judge0/read-request.ts'
import { readExec } from '../librechat/read-exec.ts'
import { readToolRun } from '../librechat/read-tool-run.ts'
import { readPiston } from '../piston/read-request.ts'
import { readForm } from './read-form.ts'
import {
  issuesOf,
  jsonOf,
  newBulk,
  type Read,
  type RunInput,
  readRun,
  readRunMember,
  takeMember,
} from './read-run.ts'
import { batchInput, batchShape, MAX_BATCH } from './request-schema.ts'

/** What a body is read as: of the native API, or by the name of a front door whose protocol is another. */
export type BodyKind =
  | 'run'
  | 'batch'
  | 'dify'
  | 'librechat'
  | 'librechat-tools'
  | 'piston'
  | 'judge0'
  | 'judge0-batch'
  | 'jobe'

/**
 * Reads a body of the native API.
 * @param contentType the request's header
 * @returns the runs that it asks for: one, or those of a batch in their order
 */
export function readBody(
  body: Buffer,
  kind: BodyKind,
  contentType: string,
): Read<readonly RunInput[]> {
  if (kind === 'batch') return readBatch(body)
  if (kind === 'dify') return readDify(body, contentType)
  if (kind === 'librechat') return readExec(body)
  if (kind === 'librechat-tools') return readToolRun(body)
  if (kind === 'judge0') return readSubmission(body)
  if (kind === 'judge0-batch') return readSubmissions(body)
  if (kind === 'jobe') return readJobe(body)
  if (kind === 'piston') return readPiston(body)
  const isForm = /^multipart\/form-data\b/i.test(contentType)
  const read = isForm ? readForm(body, contentType) : readRun(body)
  return 'issues' in read ? read : { value: [read.value] }
}

function readBatch(body: Buffer): Read<readonly RunInput[]> {
  const json = jsonOf(body)
  if (!Buffer.isBuffer(json)) return { issues: [json] }
  const members = new Map<string, Buffer>()
  if (json.find((c) => c > 0x20) === OPEN_OBJECT) {
    for (const [key, member] of jsonEntries(json)) {
      const name = key.length > 16 ? '' : (JSON.parse(key.toString()) as string)
      members.set(name, member)
      if (members.size > 3) break
    }
  }
  const lists = new Map<string, readonly Buffer[] | null>()
  for (const name of ['runs', 'inputs']) {
    const member = members.get(name)
    if (member) lists.set(name, elementsOf(member))
  }
  const shape = batchShape.safeParse(
    Object.fromEntries([...members.keys()].map((name) => [name, lists.get(name) ?? name])),
  )
  if (!shape.success) {
    const detail = `must be {runs} or {run, inputs}, with 1 to ${MAX_BATCH} runs or inputs`
    return { issues: [{ pointer: '', detail }] }
  }
  const runs = lists.get('runs')
  if (runs) return allOf(runs.map((element, index) => readRunMember(element, `/runs/${index}`)))
  const run = readRunMember(members.get('run') as Buffer, '/run')
  if ('issues' in run) return run
  return allOf(
    (lists.get('inputs') ?? []).map((element, index) =>
      withInput(run.value, element, `/inputs/${index}`),
    ),
  )
}

const [OPEN_OBJECT, OPEN_ARRAY] = [0x7b, 0x5b]

/** At most one more than there may be; null where it is no list. */
function elementsOf(member: Buffer): readonly Buffer[] | null {
  if (member[0] !== OPEN_ARRAY) return null
  const elements: Buffer[] = []
  for (const element of jsonElements(member)) {
    elements.push(element)
    if (elements.length > MAX_BATCH) break
  }
  return elements
}

/** The run with what this input has in its place. */
function withInput(run: RunInput, json: Buffer, at: string): Read<RunInput> {
  if (json[0] !== OPEN_OBJECT) return { issues: [{ pointer: at, detail: 'must be an object' }] }
  const bulk = newBulk()
  const value: Record<string, unknown> = {}
  for (const [key, member] of jsonEntries(json)) {
    const name =
      key.length > 16 ? key.toString('utf8', 1, 17) : (JSON.parse(key.toString()) as string)
    if (!Object.hasOwn(batchInput.shape, name)) {
      return { issues: [{ pointer: at, detail: `unknown field ${JSON.stringify(name)}` }] }
    }
    const issue = takeMember(value, bulk, name, member)
    if (issue) return { issues: [{ ...issue, pointer: at + issue.pointer }] }
  }
  const parsed = batchInput.safeParse(value)
  if (!parsed.success) return { issues: issuesOf(parsed.error, at) }
  return {
    value: {
      ...run,
      fields: { ...run.fields, argv: 'argv' in value ? (parsed.data.argv ?? []) : run.fields.argv },
      argumentsJson: 'arguments' in value ? bulk.argumentsJson : run.argumentsJson,
      stdin: 'stdin' in value ? bulk.stdin : run.stdin,
    },
  }
}

function allOf(read: readonly Read<RunInput>[]): Read<readonly RunInput[]> {
  const issues = read.flatMap((one) => ('issues' in one ? one.issues : []))
  if (issues.length > 0) return { issues: issues.slice(0, 20) }
  return { value: read.flatMap((one) => ('value' in one ? [one.value] : [])) }
}
