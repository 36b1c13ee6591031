import { sessionCommandPaths, sessionCommandSchemas } from './openapi-session-commands.ts'
import { failures, type Json, json, OWN } from './openapi-words.ts'
import {
  fileList,
  resumeRequest,
  session,
  sessionList,
  sessionRequest,
  ttlRequest,
} from './session-schema.ts'
import { contextPaths, contextSchemas } from './sessions-contexts-openapi.ts'

export const sessionSchemas = {
  requests: {
    ...contextSchemas.requests,
    SessionRequest: sessionRequest,
    SessionChange: ttlRequest,
    SessionResume: resumeRequest,
    ...sessionCommandSchemas.requests,
  },
  answers: [
    ...contextSchemas.answers,
    session,
    sessionList,
    ...sessionCommandSchemas.answers,
    fileList,
  ],
}

/** `/v1/sessions` and what is below it. */
export function sessionPaths(): Json {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
  const path = { name: 'path', in: 'path', required: true, schema: { type: 'string' } }
  const depth = {
    name: 'depth',
    in: 'query',
    description: 'List the entries of a folder, so many folders deep.',
    schema: { type: 'integer', minimum: 1, maximum: 64 },
  }
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
          ...failures(['internal', 'unavailable']),
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
    '/v1/sessions/{id}/pause': {
      parameters: [id],
      post: {
        operationId: 'pauseSession',
        summary: 'Write a session to disk now, if nobody uses it',
        responses: { 200: told('Its state says whether it was.'), ...failed },
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
    '/v1/sessions/{id}/files': {
      parameters: [id],
      get: {
        operationId: 'listSessionHome',
        summary: 'The entries of the home of a session',
        parameters: [{ ...depth, required: true }],
        responses: { 200: { description: 'The entries.', content: json('FileList') }, ...inUse },
      },
    },
    '/v1/sessions/{id}/files/{path}': {
      parameters: [id, path],
      get: {
        operationId: 'readSessionFile',
        summary: 'The content of a file, or the entries of a folder',
        description: 'path is from the home of the session; with a slash before it, from the root.',
        parameters: [depth],
        responses: {
          200: {
            description: 'The content, or with depth the entries.',
            content: { 'application/octet-stream': {}, ...json('FileList') },
          },
          ...inUse,
        },
      },
      put: {
        operationId: 'writeSessionFile',
        summary: 'Write a file, and the folders above it',
        requestBody: { content: { 'application/octet-stream': {} } },
        responses: { 204: { description: 'It is written.' }, ...inUse },
      },
      delete: {
        operationId: 'removeSessionFile',
        summary: 'Remove a file, or a folder with all that is in it',
        responses: { 204: { description: 'It is removed.' }, ...inUse },
      },
    },
  }
}
