import { z } from 'zod'
import * as answers from './answer-schema.ts'
import { acceptedPaths, listOfRuns, webhooks } from './openapi-accepted.ts'
import { sessionPaths, sessionSchemas } from './openapi-sessions.ts'
import {
  failures,
  headerParameter,
  type Json,
  json,
  REF,
  rateHeaders,
  ref,
  textHeader,
} from './openapi-words.ts'
import type { ProblemName } from './problems.ts'
import { JSON_MEMBERS, LIST_MEMBERS } from './read-form.ts'
import { batch, run } from './request-schema.ts'

/** The OpenAPI document (https://spec.openapis.org/oas/v3.1.1.html), made from the schemas that bodies are checked by. */

/**
 * Returns the OpenAPI document of the native API.
 * @param version of the product
 */
export function openApiDocument(version: string): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Executor Manager',
      version,
      description:
        'Runs code that nobody has checked, each run in a fresh gVisor sandbox. Errors are problem details (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { bearer: [] }, { apiKey: [] }],
    paths: { ...paths(), ...acceptedPaths(eventStream()), ...sessionPaths() },
    webhooks: webhooks(),
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  }
}

function paths(): Json {
  return {
    '/v1/runs': {
      post: {
        operationId: 'createRun',
        summary: 'Run a program',
        description:
          'Answers with the outcome when the run has ended; with Accept: text/event-stream, with its events as they come; with Prefer: respond-async, at once.',
        parameters: [
          headerParameter(
            'Prefer',
            'respond-async: the run is accepted, and its outcome read later.',
          ),
          headerParameter(
            'Idempotency-Key',
            'The same key and request get the same run; it is executed once.',
          ),
        ],
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: ref('Run') },
            'multipart/form-data': { schema: ref('RunForm'), encoding: formEncoding() },
          },
        },
        responses: {
          200: {
            description: 'The run has ended, well or not: status says how.',
            headers: {
              'Server-Timing': textHeader('queue, execute and collect, in milliseconds'),
              ...rateHeaders(),
            },
            content: { ...json('Outcome'), 'text/event-stream': { schema: eventStream() } },
          },
          202: {
            description: 'The run was accepted.',
            headers: { Location: textHeader('Where the run is.') },
            content: json('RunState'),
          },
          ...failures([...RUN_FAILURES, 'key-in-use', 'key-reused', 'storage-full']),
        },
      },
      get: listOfRuns(),
    },
    '/v1/batches': {
      post: {
        operationId: 'createBatch',
        summary: 'Run many programs, or one with many inputs',
        description:
          'Each of them takes its turn like any other run of the caller. Results come in the order of the request, each as soon as those before it are there.',
        requestBody: { required: true, content: json('Batch') },
        responses: {
          200: {
            description: 'A result for each run.',
            headers: rateHeaders(),
            content: { ...json('BatchAnswer'), 'text/event-stream': { schema: batchStream() } },
          },
          ...failures([...RUN_FAILURES]),
        },
      },
    },
    '/v1/templates': {
      get: {
        operationId: 'listTemplates',
        summary: 'What runs can be made of',
        responses: {
          200: { description: 'All templates.', content: json('Templates') },
          ...failures(['unauthorized', 'forbidden']),
        },
      },
    },
    '/v1/status': {
      get: {
        operationId: 'getStatus',
        summary: 'How the service is',
        responses: {
          200: { description: 'It serves.', content: json('Status') },
          ...failures(['unauthorized', 'forbidden']),
        },
      },
    },
  }
}

const RUN_FAILURES: readonly ProblemName[] = [
  'invalid-request',
  'unauthorized',
  'forbidden',
  'body-too-slow',
  'body-too-large',
  'unsupported-media-type',
  'rate-limited',
  'internal',
  'not-implemented',
  'unavailable',
]

/** All that has an id, as components; request bodies as they may be sent, with defaults left out. */
function componentSchemas(): Json {
  const registry = z.registry<{ id: string }>()
  const requests = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries({ Run: run, Batch: batch, ...sessionSchemas.requests }))
    requests.add(schema, { id })
  for (const schema of [...Object.values(answers), ...sessionSchemas.answers]) {
    const id = schema instanceof z.ZodType ? schema.meta()?.id : undefined
    if (id) registry.add(schema as z.ZodType, { id })
  }
  const made = { ...schemasOf(requests, 'input'), ...schemasOf(registry, 'output') }
  const form = formSchema(made.Run as Json)
  const events = Object.fromEntries(
    Object.entries(answers.events).map(([name, schema]) => [eventName(name), schemaOf(schema)]),
  )
  return { ...made, RunForm: form, ...events }
}

const eventName = (name: string) => `Event${name[0]?.toUpperCase()}${name.slice(1)}`

function schemasOf(
  registry: ReturnType<typeof z.registry<{ id: string }>>,
  io: 'input' | 'output',
) {
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => REF + id })
  return lifted(schemas as Json)
}

function schemaOf(schema: z.ZodType): Json {
  const own = schema.meta()?.id
  if (own) return ref(own)
  const made = z.toJSONSchema(schema, { io: 'output' }) as Json
  return lifted({ made }).made as Json
}

/** Parts that zod puts under $defs become components of their own. */
function lifted(schemas: Json): Record<string, Json> {
  const all: Record<string, Json> = {}
  for (const [name, schema] of Object.entries(schemas)) {
    const { $defs, $schema: _, $id: __, id: ___, ...rest } = schema as Json & { $defs?: Json }
    // zod's own group of what schemas share has nothing besides its $defs.
    if (name !== '__shared') all[name] = rest
    Object.assign(all, lifted($defs ?? {}))
  }
  return Object.fromEntries(
    Object.entries(all).map(([name, schema]) => [name, retargeted(schema) as Json]),
  )
}

function retargeted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(retargeted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) =>
      key === '$ref' && typeof part === 'string'
        ? [key, part.replace(/^.*#\/(\$defs|components\/schemas)\//, REF)]
        : [key, retargeted(part)],
    ),
  )
}

/** A run as a form: the same members; files are parts. */
function formSchema(runSchema: Json): Json {
  const properties = { ...(runSchema.properties as Json) }
  properties.files = {
    type: 'array',
    items: { type: 'string', contentMediaType: 'application/octet-stream' },
    description: 'A part for each file; its file name is the path from the working directory.',
  }
  const { description: _, ...rest } = runSchema
  const lists = LIST_MEMBERS.filter((name) => name !== 'files').join(' and ')
  return {
    ...rest,
    properties,
    description: `A part for each member. ${JSON_MEMBERS.join(', ')} are JSON text; ${lists} may come several times.`,
  }
}

function formEncoding(): Json {
  return Object.fromEntries(JSON_MEMBERS.map((name) => [name, { contentType: 'application/json' }]))
}

function batchStream(): Json {
  const description =
    'result ({"index", "result"}, as in BatchAnswer) as each run ends, done ({"count"}) in the end.'
  return { type: 'string', description }
}

function eventStream(): Json {
  const told = Object.entries(answers.events).map(
    ([name, schema]) => `${name} (${eventName(name)}): ${schema.description ?? ''}`,
  )
  return { type: 'string', description: `Events, each with an id. ${told.join(' ')}` }
}
