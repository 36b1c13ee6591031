import { failures, type Json, json, OWN } from './openapi-words.ts'
import {
  fileEntry,
  fileList,
  folderRequest,
  moveRequest,
  signedUrl,
  signedUrlRequest,
} from './session-schema.ts'

export const sessionFileSchemas = {
  requests: {
    FolderRequest: folderRequest,
    MoveRequest: moveRequest,
    SignedUrlRequest: signedUrlRequest,
  },
  answers: [fileEntry, fileList, signedUrl],
}

/** Files of sessions: `/v1/sessions/{id}/files`, `/folders`, `/moves`, `/archive`, `/watch` and `/signed-urls`. */
export function sessionFilePaths(): Json {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
  const path = { name: 'path', in: 'path', required: true, schema: { type: 'string' } }
  const folder = {
    name: 'path',
    in: 'query',
    description: 'The folder; the home by default.',
    schema: { type: 'string' },
  }
  const depth = (minimum: number, description: string) => ({
    name: 'depth',
    in: 'query',
    description,
    schema: { type: 'integer', minimum, maximum: 64 },
  })
  const signed = (name: string) => ({
    name,
    in: 'query',
    description: 'Of a signed URL.',
    schema: { type: 'string' },
  })
  const inUse = failures([...OWN, 'not-permitted', 'session-ended', 'internal', 'unavailable'])
  const unread = failures(['too-much-held'])
  const sent = failures(['unsupported-media-type', 'too-much-held'])
  const body = (name: string) => ({ required: true, content: json(name) })
  const port = {
    name: 'port',
    in: 'path',
    required: true,
    schema: { type: 'integer', minimum: 1, maximum: 65_535 },
  }
  const token = { name: 'token', in: 'path', required: true, schema: { type: 'string' } }
  const reach = (operationId: string, summary: string) => ({
    operationId,
    summary,
    description:
      'POST, PUT, PATCH, DELETE, HEAD and OPTIONS too, with bodies of any size both ways. The server gets no key and no cookie of others; its pages have no origin (Content-Security-Policy: sandbox).',
    responses: {
      200: { description: 'What the server answers, with its own status.' },
      ...inUse,
      ...unread,
      ...failures(['bad-gateway']),
    },
  })
  const done = (description: string) => ({ 204: { description } })
  return {
    '/v1/sessions/{id}/files': {
      parameters: [id],
      get: {
        operationId: 'listSessionHome',
        summary: 'The entries of the home of a session',
        parameters: [depth(1, 'How many folders deep; 1 by default.')],
        responses: { 200: { description: 'The entries.', content: json('FileList') }, ...inUse },
      },
    },
    '/v1/sessions/{id}/files/{path}': {
      parameters: [id, path, signed('expires'), signed('signature')],
      get: {
        operationId: 'readSessionFile',
        summary: 'The content of a file, or the entries of a folder',
        description: 'path is from the home of the session; with a slash before it, from the root.',
        parameters: [
          depth(
            0,
            'List the entries of a folder, so many folders deep; 0: tell of the entry itself.',
          ),
        ],
        responses: {
          200: {
            description: 'The content, or with depth what is told.',
            content: {
              'application/octet-stream': {},
              'application/json': {
                schema: {
                  oneOf: [
                    { $ref: '#/components/schemas/FileList' },
                    { $ref: '#/components/schemas/FileEntry' },
                  ],
                },
              },
            },
          },
          206: {
            description: 'The part of the content that the header Range asks for.',
            content: { 'application/octet-stream': {} },
          },
          ...inUse,
          ...unread,
          ...failures(['no-such-range']),
        },
      },
      put: {
        operationId: 'writeSessionFile',
        summary: 'Write a file, and the folders above it',
        requestBody: { content: { 'application/octet-stream': {} } },
        responses: { ...done('It is written.'), ...inUse },
      },
      delete: {
        operationId: 'removeSessionFile',
        summary: 'Remove a file, or a folder with all that is in it',
        responses: { ...done('It is removed.'), ...inUse },
      },
    },
    '/v1/sessions/{id}/folders': {
      parameters: [id],
      post: {
        operationId: 'makeSessionFolder',
        summary: 'Make a folder, and those above it',
        requestBody: body('FolderRequest'),
        responses: { ...done('It is there.'), ...inUse, ...sent },
      },
    },
    '/v1/sessions/{id}/moves': {
      parameters: [id],
      post: {
        operationId: 'moveSessionFile',
        summary: 'Move a file or a folder; the folders above are made',
        requestBody: body('MoveRequest'),
        responses: { ...done('It is moved.'), ...inUse, ...sent },
      },
    },
    '/v1/sessions/{id}/archive': {
      parameters: [id, folder],
      get: {
        operationId: 'readSessionArchive',
        summary: 'A folder as an archive (tar)',
        description: 'Links are archived as links; what the user may not read is left out.',
        responses: {
          200: { description: 'The archive.', content: { 'application/octet-stream': {} } },
          ...inUse,
          ...unread,
        },
      },
      put: {
        operationId: 'writeSessionArchive',
        summary: 'Unpack an archive (tar) into a folder, which is made',
        description:
          'Refused at the first entry that leads out of the folder by its path or its link, or that is a device, a FIFO or a sparse file. What came before it stays.',
        requestBody: { content: { 'application/x-tar': {} } },
        responses: { ...done('It is unpacked.'), ...inUse },
      },
    },
    '/v1/sessions/{id}/watch': {
      parameters: [id, folder, depth(1, 'How many folders deep; 1 by default.')],
      get: {
        operationId: 'watchSessionFolder',
        summary: 'Changes in a folder, as a stream of events',
        description:
          'Events: begun, when no change is missed from now on; created, written, attributes, removed and moved_away ({"path"}, from the folder); overflow, when some changes are not told of. At most 1024 folders are watched.',
        responses: {
          200: {
            description: 'The events.',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          ...inUse,
        },
      },
    },
    '/v1/sessions/{id}/ports/{port}/{path}': {
      parameters: [id, port, path],
      get: reach('reachSessionPort', 'Ask a server of a session, over HTTP or as a WebSocket'),
    },
    '/v1/ports/{token}/{path}': {
      parameters: [token, path],
      get: reach('reachSignedPort', 'Ask a server of a session by a signed URL'),
    },
    '/v1/sessions/{id}/signed-urls': {
      parameters: [id],
      post: {
        operationId: 'signSessionUrl',
        summary:
          'An address by which anybody may read or write one file, or reach one port, for some time',
        requestBody: body('SignedUrlRequest'),
        responses: {
          200: { description: 'The address.', content: json('SignedUrl') },
          ...inUse,
          ...sent,
        },
      },
    },
  }
}
