import { failures, headerParameter, type Json, json, OWN } from './openapi-words.ts'

/** Describes the list of accepted runs. */
export function listOfRuns(): Json {
  return {
    operationId: 'listRuns',
    summary: 'Accepted runs of the caller',
    parameters: [
      { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100 } },
      {
        name: 'before',
        in: 'query',
        description: 'Runs older than this one: `next` of the page before.',
        schema: { type: 'string' },
      },
    ],
    responses: {
      200: { description: 'The youngest first.', content: json('RunList') },
      ...failures([...OWN, 'storage-full']),
    },
  }
}

/** Runs that were accepted with `Prefer: respond-async` or an idempotency key. */
export function acceptedPaths(eventStream: Json): Json {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
  const failed = failures([...OWN, 'too-much-held', 'storage-full'])
  return {
    '/v1/runs/{id}': {
      parameters: [id],
      get: {
        operationId: 'getRun',
        summary: 'An accepted run, and its outcome once it has ended',
        parameters: [
          headerParameter('Prefer', 'wait=SECONDS: answer when it has ended, 60 s at most.'),
        ],
        responses: { 200: { description: 'The run.', content: json('RunState') }, ...failed },
      },
      delete: {
        operationId: 'cancelRun',
        summary: 'Cancel a run that has not ended, or remove one that has',
        responses: {
          200: { description: 'It was canceled, or ended before.', content: json('RunState') },
          204: { description: 'It had ended and was removed, with all that it left.' },
          ...failed,
        },
      },
    },
    '/v1/runs/{id}/events': {
      parameters: [id],
      get: {
        operationId: 'getRunEvents',
        summary: 'Events of an accepted run, from the first or from where a stream broke off',
        parameters: [
          headerParameter('Last-Event-ID', 'The last event that was seen.'),
          {
            name: 'after',
            in: 'query',
            description: 'The same, for clients that cannot set headers.',
            schema: { type: 'integer', minimum: 0 },
          },
        ],
        responses: {
          200: {
            description: 'The events; the last one is done, with the outcome, or error.',
            content: { 'text/event-stream': { schema: eventStream } },
          },
          204: { description: 'The run has ended, and its last event was seen.' },
          ...failed,
        },
      },
    },
    '/v1/runs/{id}/files/{path}': {
      parameters: [id, { name: 'path', in: 'path', required: true, schema: { type: 'string' } }],
      get: {
        operationId: 'getRunFile',
        summary: 'The content of a file that an accepted run has left',
        responses: {
          200: { description: 'The content.', content: { '*/*': {} } },
          ...failed,
        },
      },
    },
  }
}

/** Describes the calls of webhooks: https://github.com/standard-webhooks/standard-webhooks */
export function webhooks(): Json {
  return {
    runCompleted: {
      post: {
        summary: 'An accepted run has ended; sent to its callback.url',
        parameters: [
          headerParameter('webhook-id', 'The run; the same for each try.'),
          headerParameter('webhook-timestamp', 'Seconds of the epoch, of this try.'),
          headerParameter('webhook-signature', 'v1, and HMAC-SHA256 in base64.'),
        ],
        requestBody: { required: true, content: json('RunCompleted') },
        responses: { '2XX': { description: 'Received. Anything else is tried again.' } },
      },
    },
  }
}
