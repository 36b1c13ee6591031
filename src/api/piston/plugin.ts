import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { MIB } from '../../lib/units.ts'
import { mostCpuTimeMs } from '../../run/cpu-time.ts'
import { refuseUnknownPaths } from '../methods.ts'
import { answerRun, type OneRunOptions } from '../one-run.ts'
import type { Uploads } from '../uploads.ts'
import { beginCall } from '../v1/call.ts'
import { invalid } from '../v1/problems.ts'
import type { RunInput } from '../v1/read-run.ts'
import type { OfferedTemplate } from '../v1/service.ts'
import { sendFailure } from './failures.ts'
import { presentOutcome, Transcript } from './present.ts'
import { CONSTRAINTS, type PistonRequest } from './read-request.ts'
import { findRuntime, type Runtime, runtimesOf } from './runtimes.ts'

export interface PistonOptions extends OneRunOptions {
  readonly uploads: Uploads
}

/** Its own addresses, those of its public host, and one that no other system has. */
const PREFIXES = ['/api/v2', '/api/v2/piston', '/piston/api/v2']

/**
 * Adds the front door for clients of Piston (https://github.com/engineer-man/piston), as a Fastify plugin. It needs
 * the body parser and `request.caller` of buildApp().
 */
export async function piston(app: FastifyInstance, options: PistonOptions): Promise<void> {
  app.setErrorHandler(sendFailure)
  await refuseUnknownPaths(app, ['/api/v2', '/piston'], sendFailure)
  // Some of its clients send JSON and do not say so.
  app.addContentTypeParser('text/plain', (request, _payload, done) => {
    options.uploads.read(request.raw, request.caller, done)
  })
  const { templates } = options
  for (const prefix of PREFIXES) {
    app.get(`${prefix}/runtimes`, async () => runtimesOf(templates))
    app.get(`${prefix}/packages`, async () =>
      runtimesOf(templates).map(({ language, version }) => ({
        language,
        language_version: version,
        installed: true,
      })),
    )
    app.post(`${prefix}/execute`, { config: { rateLimit: {} } }, (request, reply) =>
      execute(request, reply, options),
    )
    // Images are built by the set-up: nothing is installed here.
    for (const method of ['POST', 'DELETE'] as const) {
      const handler = async (request: FastifyRequest, reply: FastifyReply) => {
        beginCall(request, reply, options).end()
        return reply.code(404).send({ message: 'Requested package does not exist' })
      }
      app.route({ method, url: `${prefix}/packages`, handler })
    }
  }
}

function execute(
  request: FastifyRequest,
  reply: FastifyReply,
  options: PistonOptions,
): Promise<FastifyReply> {
  const transcript = new Transcript()
  let runtime: Runtime
  return answerRun(request, reply, options, {
    kind: 'piston',
    prepare: (input) => {
      const { language, version, constraints } = input.own as PistonRequest
      const found = findRuntime(options.templates, language, version)
      if (!found) throw wrong(`${language}-${version} runtime is unknown`)
      runtime = found.runtime
      const { name, template } = found.served
      return {
        ...input,
        fields: { ...input.fields, language: name, limits: limitsOf(constraints, template) },
      }
    },
    onEvent: transcript.tell,
    present: (outcome) => presentOutcome(runtime, outcome, transcript),
    fail: (error) => sendFailure(error, request, reply),
  })
}

/** @throws Problem in Piston's words */
function limitsOf(
  constraints: PistonRequest['constraints'],
  { limits }: OfferedTemplate,
): RunInput['fields']['limits'] {
  const most: Readonly<Record<string, number>> = {
    run_timeout: limits.wallTimeMs,
    run_cpu_time: mostCpuTimeMs(limits),
    run_memory_limit: limits.memoryBytes,
  }
  const given: Record<string, number> = {}
  for (const name of CONSTRAINTS) {
    const value = constraints[name]
    // Piston takes no limit for one; its clients send -1.
    if (!value || value === -1) continue
    if (typeof value !== 'number') throw wrong(`If specified, ${name} must be a number`)
    const limit = most[name]
    if (limit === undefined) continue
    if (value > limit) throw wrong(`${name} cannot exceed the configured limit of ${limit}`)
    if (value < 0) throw wrong(`${name} must be non-negative`)
    given[name] = value
  }
  const { run_timeout: wall, run_cpu_time: cpu, run_memory_limit: memory } = given
  return {
    ...(wall === undefined ? {} : { wall_ms: Math.max(1, Math.round(wall)) }),
    ...(cpu === undefined ? {} : { cpu_ms: Math.max(1, Math.round(cpu)) }),
    ...(memory === undefined ? {} : { memory_mb: Math.max(1, Math.floor(memory / MIB)) }),
  }
}

function wrong(detail: string) {
  return invalid([{ pointer: '', detail: detail.slice(0, 300) }])
}
