import { failures, type Json, json, OWN } from './openapi-words.ts'
import {
  context,
  contextList,
  contextRequest,
  interrupted,
  sessionOutcome,
  sessionRun,
} from './sessions-contexts-schema.ts'

export const contextSchemas = {
  requests: { ContextRequest: contextRequest, SessionRun: sessionRun },
  answers: [context, contextList, interrupted, sessionOutcome],
}

/** Contexts of a session, and runs in them. */
export function contextPaths(): Json {
  const inPath = (name: string) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  })
  const failed = failures([...OWN, 'internal', 'unavailable'])
  const inUse = failures([...OWN, 'context-failed', 'session-ended', 'internal', 'unavailable'])
  const body = (name: string) => ({ required: true, content: json(name) })
  const told = (description: string, name = 'Context') => ({ description, content: json(name) })
  return {
    '/v1/sessions/{id}/contexts': {
      parameters: [inPath('id')],
      post: {
        operationId: 'createContext',
        summary: 'Make a context, whose variables live from run to run',
        requestBody: body('ContextRequest'),
        responses: {
          201: told('It is there; its process is started with its first run.'),
          ...failed,
          ...failures(['unsupported-media-type', 'too-much-held']),
        },
      },
      get: {
        operationId: 'listContexts',
        summary: 'Contexts of a session',
        responses: { 200: told('All that there are.', 'ContextList'), ...failed },
      },
    },
    '/v1/sessions/{id}/contexts/{context}': {
      parameters: [inPath('id'), inPath('context')],
      get: {
        operationId: 'getContext',
        summary: 'A context',
        responses: { 200: told('The context.'), ...failed },
      },
      delete: {
        operationId: 'deleteContext',
        summary: 'End a context',
        responses: { 204: { description: 'Its process has ended.' }, ...inUse },
      },
    },
    '/v1/sessions/{id}/contexts/{context}/interrupt': {
      parameters: [inPath('id'), inPath('context')],
      post: {
        operationId: 'interruptContext',
        summary: 'Interrupt what runs in a context',
        description: 'As control-C does: in Python a KeyboardInterrupt. Variables stay.',
        responses: { 200: told('It has been told so.', 'Interrupted'), ...inUse },
      },
    },
    '/v1/sessions/{id}/contexts/{context}/restart': {
      parameters: [inPath('id'), inPath('context')],
      post: {
        operationId: 'restartContext',
        summary: 'Begin a context anew, without variables',
        description: 'What runs in it is ended.',
        responses: { 200: told('Its new process is ready.'), ...inUse },
      },
    },
    '/v1/sessions/{id}/runs': {
      parameters: [inPath('id')],
      post: {
        operationId: 'runInSession',
        summary: 'Run code in a context of a session',
        description:
          'Answers with the outcome when the program has ended; with Accept: text/event-stream, with the events of a run.',
        requestBody: body('SessionRun'),
        responses: {
          200: {
            description: 'The program has ended, well or not: status says how.',
            content: {
              ...json('SessionOutcome'),
              'text/event-stream': { schema: { type: 'string' } },
            },
          },
          ...inUse,
          ...failures(['context-busy', 'body-too-slow', 'body-too-large']),
          ...failures(['unsupported-media-type', 'too-much-held', 'canceled']),
        },
      },
    },
    '/v1/sessions/{id}/runs/{run}': {
      parameters: [inPath('id'), inPath('run')],
      delete: {
        operationId: 'cancelSessionRun',
        summary: 'Interrupt a run, and end its context if that does not end it',
        responses: { 202: { description: 'It is interrupted.' }, ...failed },
      },
    },
  }
}
