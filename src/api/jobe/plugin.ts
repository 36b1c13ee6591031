import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import type { KeptFiles } from '../../jobs/kept-files.ts'
import { decodeBase64 } from '../../lib/base64.ts'
import { MIB } from '../../lib/units.ts'
import { mostCpuTimeMs } from '../../run/cpu-time.ts'
import type { InputFile, RunLimits } from '../../run/types.ts'
import type { Budget, Entry } from '../accounts.ts'
import { JsonBody, WrongMember } from '../json-body.ts'
import { refuseUnknownPaths } from '../methods.ts'
import { answerRun, type OneRunOptions } from '../one-run.ts'
import { Refused } from '../refused.ts'
import { type ServedLanguage, servedLanguages } from '../served-languages.ts'
import { type Body, overBudget } from '../uploads.ts'
import { beginCall } from '../v1/call.ts'
import { invalid } from '../v1/problems.ts'
import type { RunInput } from '../v1/read-run.ts'
import { sendFailure, sendText } from './failures.ts'
import { overloaded, presentOutcome } from './present.ts'
import { isFileId, type JobeRequest } from './read-request.ts'

export interface JobeOptions extends OneRunOptions {
  /** For files that are put. */
  readonly kept: KeptFiles
  readonly keepMs: number
  /** For those that wait with their run. */
  readonly inputs: Budget
}

const PREFIXES = ['/jobe/index.php/restapi', '/jobe/index.php']
const FOLDER = 'files'
/** Jobe's names of our languages. */
const LANGUAGES: ReadonlyMap<string, string> = new Map([
  ['nodejs', 'nodejs'],
  ['python3', 'python'],
])
const MISSING = 'One or more of the specified files is missing/unavailable'
/** Jobe's own tests ask by it for the answer of a server that has no room. */
const OVERLOAD_TEST = '!** TESTING OVERLOAD EXCEPTION **!'

/**
 * Adds the front door for Moodle's CodeRunner, as a Fastify plugin: the protocol of Jobe
 * (https://github.com/trampgeek/jobe), whose key is `X-API-KEY`. It needs the body parser and `request.caller` of
 * buildApp().
 */
export async function jobe(app: FastifyInstance, options: JobeOptions): Promise<void> {
  const { kept } = options
  app.setErrorHandler(sendFailure)
  await refuseUnknownPaths(app, ['/jobe'], sendFailure)
  for (const prefix of PREFIXES) {
    app.get(`${prefix}/languages`, async () =>
      [...LANGUAGES.keys()].flatMap((name) => {
        const language = servedBy(options, name)
        return language ? [[name, language.version]] : []
      }),
    )
    app.post(`${prefix}/runs`, { config: { rateLimit: {} } }, (request, reply) =>
      run(request, reply, options),
    )
    const file = `${prefix}/files/:id`
    app.put(file, async (request, reply) => {
      await putFile(request as FileRequest, reply, options)
      return reply
    })
    app.head(file, async (request, reply) => {
      const { id } = (request as FileRequest).params
      const found = isFileId(id) && (await kept.get(request.caller, FOLDER, id))
      return reply.code(found ? 204 : 404).send()
    })
  }
}

type FileRequest = FastifyRequest<{ Params: { id: string } }>

function servedBy({ templates }: OneRunOptions, name: string): ServedLanguage | null {
  const ours = LANGUAGES.get(name)
  return ours === undefined ? null : (servedLanguages(templates, [ours])[0] ?? null)
}

async function run(
  request: FastifyRequest,
  reply: FastifyReply,
  options: JobeOptions,
): Promise<FastifyReply> {
  const evicted = new AbortController()
  const held = options.inputs.open(request.caller, () => evicted.abort())
  const { signal } = evicted
  let isCompiled = false
  const answered = answerRun(request, reply, options, {
    kind: 'jobe',
    signal,
    prepare: async (input, call) => {
      const { language, files, parameters } = input.own as JobeRequest
      const served = servedBy(options, language)
      if (!served) throw wrong(`Language '${language.slice(0, 50)}' is not known`)
      isCompiled = language === 'python3'
      const limits = limitsOf(parameters, served.template.limits)
      const isTest = input.code.length === OVERLOAD_TEST.length
      if (isTest && input.code.toString() === OVERLOAD_TEST)
        throw new ManagerError('POOL_BUSY', 'There is no room for tests.')
      const inputs = await readFiles(options, call.caller, files, held)
      return {
        ...input,
        files: inputs,
        fields: { ...input.fields, language: served.name, limits },
      }
    },
    present: (outcome, { id }) => presentOutcome(id, outcome, isCompiled),
    fail: (error, isStarted) => {
      if (signal.aborted) return sendFailure(overBudget(), request, reply)
      const isBusy = error instanceof ManagerError && error.code === 'POOL_BUSY'
      return isBusy && !isStarted
        ? reply.code(200).send(overloaded())
        : sendFailure(error, request, reply)
    },
  })
  return answered.finally(() => held.release())
}

/** What is asked for is given as far as there is so much; of the processor's time more is refused. */
function limitsOf(
  parameters: JobeRequest['parameters'],
  limits: RunLimits,
): RunInput['fields']['limits'] {
  const given = (name: string) => {
    const value = Number(parameters[name] ?? 0)
    return Number.isFinite(value) && value > 0 ? value : null
  }
  const [cpu, memory, streams] = ['cputime', 'memorylimit', 'streamsize'].map(given)
  const mostSeconds = Math.floor(limits.wallTimeMs / 1000)
  if (cpu && Math.trunc(cpu) > mostSeconds) {
    throw wrong(`cputime exceeds maximum allowed on this Jobe server (${mostSeconds} secs)`)
  }
  const least = (value: number, most: number) => Math.max(1, Math.min(Math.floor(value), most))
  return {
    ...(cpu && {
      cpu_ms: least(cpu * 1000, mostCpuTimeMs(limits)),
      // As Jobe does: it may wait as long as it may compute.
      wall_ms: least(2 * cpu * 1000, limits.wallTimeMs),
    }),
    ...(memory && { memory_mb: least(memory, Math.floor(limits.memoryBytes / MIB)) }),
    ...(streams && { output_bytes: least(streams * MIB, limits.outputBytes) }),
  }
}

async function readFiles(
  { kept }: JobeOptions,
  caller: string,
  wanted: JobeRequest['files'],
  held: Entry,
): Promise<InputFile[]> {
  const files = new Map<string, InputFile>()
  for (const [id, name] of wanted) {
    const found = await kept.get(caller, FOLDER, id)
    if (!found) throw new Refused(404, MISSING)
    if (!held.add(found.size)) throw overBudget()
    const pieces: Buffer[] = []
    for await (const piece of found.read()) pieces.push(piece)
    files.set(name, { path: name, content: Buffer.concat(pieces) })
  }
  return [...files.values()]
}

/** Keeps a file for its caller. */
async function putFile(
  request: FileRequest,
  reply: FastifyReply,
  options: JobeOptions,
): Promise<FastifyReply> {
  const { kept, keepMs } = options
  const { id } = request.params
  const call = beginCall(request, reply, options)
  try {
    if (!isFileId(id))
      return sendText(reply, 400, 'The file id must be 8 letters and digits or more')
    const blocks = ((request.body ?? null) as Body | null)?.takeBlocks() ?? []
    const text = contentsIn(Buffer.concat(blocks))
    if (text === null) return sendText(reply, 400, 'put: missing file_contents parameter')
    const content = decodeBase64(text)
    if (!content) {
      return sendText(reply, 400, `put: contents of file ${id} are not valid base-64`)
    }
    await kept.put(call.caller, FOLDER, id, content, { keepMs })
    return reply.code(204).send()
  } finally {
    call.end()
  }
}

function contentsIn(body: Buffer): Buffer | null {
  try {
    return JsonBody.read(body, ['file_contents']).text('file_contents')
  } catch (error) {
    if (error instanceof WrongMember) return null
    throw error
  }
}

function wrong(detail: string) {
  return invalid([{ pointer: '', detail }])
}
