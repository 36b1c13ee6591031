import { sessionCommandPaths, sessionCommandSchemas } from './openapi-session-commands.ts'
import { sessionFilePaths, sessionFileSchemas } from './openapi-session-files.ts'
import { failures, type Json, json, OWN } from './openapi-words.ts'
import { sessionCopiesPaths, sessionCopiesSchemas } from './session-copies-openapi.ts'
import {
  resumeRequest,
  session,
  sessionLimits,
  sessionList,
  sessionRequest,
  ttlRequest,
} from './session-schema.ts'
import { contextPaths, contextSchemas } from './sessions-contexts-openapi.ts'

export const sessionSchemas = {
  requests: {
    ...contextSchemas.requests,
    SessionLimits: sessionLimits,
    SessionRequest: sessionRequest,
    SessionChange: ttlRequest,
    SessionResume: resumeRequest,
    ...sessionCommandSchemas.requests,
    ...sessionFileSchemas.requests,
    ...sessionCopiesSchemas.requests,
  },
  answers: [
    ...contextSchemas.answers,
    session,
    sessionList,
    ...sessionCommandSchemas.answers,
    ...sessionFileSchemas.answers,
    ...sessionCopiesSchemas.answers,
  ],
}

/** Describes `/v1/sessions` and what is below it. */
export function sessionPaths(): Json {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
  const failed = failures([...OWN, 'internal', 'unavailable'])
  const inUse = failures([
    ...OWN,
    'not-permitted',
    'session-ended',
    'session-lost',
    'internal',
    'unavailable',
  ])
  const body = (name: string) => ({ required: true, content: json(name) })
  const told = (description: string) => ({ description, content: json('Session') })
  return {
    ...contextPaths(),
    '/v1/sessions': {
      post: {
        operationId: 'createSession',
        summary: 'Create a session',
        requestBody: { ...body('SessionRequest'), required: false },
        responses: {
          201: told('It is ready.'),
          ...failures(['invalid-request', 'unauthorized', 'forbidden', 'body-too-slow']),
          ...failures(['body-too-large', 'unsupported-media-type', 'too-much-held']),
          ...failures(['storage-full', 'internal', 'unavailable']),
        },
      },
      get: {
        operationId: 'listSessions',
        summary: 'Sessions of the caller',
        responses: {
          200: { description: 'Those that have not ended.', content: json('SessionList') },
          ...failures(['unauthorized', 'forbidden']),
        },
      },
    },
    '/v1/sessions/{id}': {
      parameters: [id],
      get: {
        operationId: 'getSession',
        summary: 'A session',
        responses: { 200: told('The session.'), ...failed },
      },
      patch: {
        operationId: 'changeSession',
        summary: 'Set when a session ends without further use',
        requestBody: body('SessionChange'),
        responses: {
          200: told('It is changed.'),
          ...failed,
          ...failures(['unsupported-media-type']),
        },
      },
      delete: {
        operationId: 'deleteSession',
        summary: 'End a session',
        responses: { 204: { description: 'Nothing of it is left.' }, ...failed },
      },
    },
    '/v1/sessions/{id}/events': {
      parameters: [id],
      get: {
        operationId: 'followSession',
        summary: 'The states that a session enters, as they come',
        description:
          'Events named state, with {"state", "why", "at"}: the latest 64 that this service has seen, after Last-Event-ID, then each that comes. Ends with dead.',
        responses: {
          200: {
            description: 'The events.',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          ...failed,
        },
      },
    },
    '/v1/sessions/{id}/pause': {
      parameters: [id],
      post: {
        operationId: 'pauseSession',
        summary: 'Write a session to disk now, if nobody uses it',
        responses: {
          200: told('Its state says whether it was.'),
          ...inUse,
          ...failures(['too-much-held', 'storage-full']),
        },
      },
    },
    '/v1/sessions/{id}/resume': {
      parameters: [id],
      post: {
        operationId: 'resumeSession',
        summary:
          'Wake a session before it is used, or take one that is lost back to its checkpoint',
        requestBody: { ...body('SessionResume'), required: false },
        responses: { 200: told('It is awake.'), ...inUse },
      },
    },
    ...sessionCommandPaths(),
    ...sessionFilePaths(),
    ...sessionCopiesPaths(),
  }
}
