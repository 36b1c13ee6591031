import { failures, type Json, json, OWN } from './openapi-words.ts'
import { forked, forkRequest, snapshot, snapshotList } from './session-copies-schema.ts'

export const sessionCopiesSchemas = {
  requests: { SessionFork: forkRequest },
  answers: [forked, snapshot, snapshotList],
}

/** Copies of sessions. */
export function sessionCopiesPaths(): Json {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
  const copied = {
    ...failures([...OWN, 'session-ended', 'session-lost', 'too-much-held', 'storage-full']),
    ...failures(['unsupported-media-type', 'internal', 'unavailable']),
  }
  return {
    '/v1/sessions/{id}/fork': {
      parameters: [id],
      post: {
        operationId: 'forkSession',
        summary: 'Copy a session with its variables, files and processes',
        requestBody: { required: false, content: json('SessionFork') },
        responses: {
          201: { description: 'The copies.', content: json('ForkedSessions') },
          ...copied,
        },
      },
    },
    '/v1/sessions/{id}/snapshots': {
      parameters: [id],
      post: {
        operationId: 'snapshotSession',
        summary: 'Keep the present state of a session, to make sessions from it',
        responses: {
          201: { description: 'It is kept.', content: json('Snapshot') },
          ...copied,
        },
      },
    },
    '/v1/snapshots': {
      get: {
        operationId: 'listSnapshots',
        summary: 'Snapshots of the caller',
        responses: {
          200: { description: 'All of them.', content: json('SnapshotList') },
          ...failures(['unauthorized', 'forbidden']),
        },
      },
    },
    '/v1/snapshots/{id}': {
      parameters: [id],
      delete: {
        operationId: 'deleteSnapshot',
        summary: 'Delete a snapshot',
        responses: { 204: { description: 'Nothing of it is left.' }, ...failures([...OWN]) },
      },
    },
  }
}
