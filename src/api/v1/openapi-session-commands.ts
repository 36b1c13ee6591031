import { failures, type Json, json, OWN } from './openapi-words.ts'
import {
  commandList,
  commandOutcome,
  commandOutput,
  commandRequest,
  keptCommand,
  outputSpan,
  signalRequest,
  stdinRequest,
} from './session-command-schema.ts'

export const sessionCommandSchemas = {
  requests: {
    CommandRequest: commandRequest,
    SignalRequest: signalRequest,
    StdinRequest: stdinRequest,
  },
  answers: [commandOutcome, outputSpan, keptCommand, commandList, commandOutput],
}

/** Describes `/v1/sessions/{id}/commands` and what is below it. */
export function sessionCommandPaths(): Json {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
  const command = { name: 'command', in: 'path', required: true, schema: { type: 'string' } }
  const offset = {
    name: 'offset',
    in: 'query',
    description: 'From which byte on; 0 by default.',
    schema: { type: 'integer', minimum: 0 },
  }
  const query = (name: string, description: string) => ({
    name,
    in: 'query',
    description,
    schema: { type: 'string' },
  })
  const failed = failures([...OWN, 'session-ended', 'internal', 'unavailable'])
  const inUse = failures([...OWN, 'not-permitted', 'session-ended', 'internal', 'unavailable'])
  const sent = failures(['unsupported-media-type', 'too-much-held'])
  const body = (name: string) => ({ required: true, content: json(name) })
  const events = { 'text/event-stream': { schema: { type: 'string' } } }
  return {
    '/v1/sessions/{id}/commands': {
      parameters: [id],
      post: {
        operationId: 'runCommand',
        summary: 'Run a command in a session',
        description:
          'Answers with the outcome when the command has ended; with Accept: text/event-stream, with the events started ({"pid"}), stdout and stderr ({"text"}) as they come, and done (CommandOutcome). With background, it answers at once with a Command, which goes on.',
        requestBody: body('CommandRequest'),
        responses: {
          200: {
            description: 'The command has ended, well or not: status says how.',
            content: { ...json('CommandOutcome'), ...events },
          },
          201: { description: 'It runs in the background.', content: json('Command') },
          ...inUse,
          ...sent,
        },
      },
      get: {
        operationId: 'listCommands',
        summary: 'Commands in the background, those that have ended within the last hour too',
        responses: {
          200: { description: 'Oldest first.', content: json('CommandList') },
          ...failed,
        },
      },
    },
    '/v1/sessions/{id}/terminal': {
      parameters: [id],
      get: {
        operationId: 'openTerminal',
        summary: 'A program at a terminal, as a WebSocket',
        description:
          'Binary frames are input and output. Text frames are JSON: {"type": "input", "text"} and {"type": "resize", "columns", "rows"} from the client; {"type": "started", "id", "pid"}, {"type": "dropped", "bytes"} and {"type": "exited", "exit_code", "signal"} to it. It goes on when the client has gone: id attaches to it again, and DELETE of the command ends it. The key may be in the query, as token.',
        parameters: [
          query('columns', 'Width; 80 by default.'),
          query('rows', 'Height; 24 by default.'),
          query('command', 'A line for bash; without it, bash itself.'),
          query('cwd', 'From the home, unless it is absolute.'),
          query('user', 'user or root.'),
          query('term', 'TERM of the program; xterm-256color by default.'),
          query('id', 'The command of a terminal that goes on.'),
          query('offset', 'From which byte of its output on.'),
        ],
        responses: {
          101: { description: 'The WebSocket is open.' },
          ...inUse,
          ...failures(['upgrade-required', 'too-much-held']),
        },
      },
    },
    '/v1/sessions/{id}/commands/{command}': {
      parameters: [id, command],
      get: {
        operationId: 'getCommand',
        summary: 'A command in the background',
        responses: { 200: { description: 'The command.', content: json('Command') }, ...failed },
      },
      delete: {
        operationId: 'removeCommand',
        summary: 'End a command with its group, and forget it',
        responses: { 204: { description: 'It is ended.' }, ...inUse },
      },
    },
    '/v1/sessions/{id}/commands/{command}/output': {
      parameters: [id, command, offset],
      get: {
        operationId: 'readCommandOutput',
        summary: 'What a command in the background has written',
        description:
          'Its latest 256 KiB are kept. With Accept: text/event-stream, the events stdout and stderr ({"text", "next_offset"}) as they come, dropped ({"bytes", "next_offset"}) where some are not there any more, and done (Command). Who reads events slowly holds up the command.',
        responses: {
          200: {
            description: 'What is there.',
            content: { ...json('CommandOutput'), ...events },
          },
          ...failed,
        },
      },
    },
    '/v1/sessions/{id}/commands/{command}/stdin': {
      parameters: [id, command],
      post: {
        operationId: 'writeCommandStdin',
        summary: 'Send to the standard input of a command in the background',
        requestBody: body('StdinRequest'),
        responses: {
          204: { description: 'It is on its way.' },
          ...inUse,
          ...sent,
          ...failures(['not-read-yet']),
        },
      },
    },
    '/v1/sessions/{id}/commands/{command}/signal': {
      parameters: [id, command],
      post: {
        operationId: 'signalCommand',
        summary: 'Send a signal to a command in the background, and to its group',
        requestBody: { ...body('SignalRequest'), required: false },
        responses: { 204: { description: 'It is sent.' }, ...inUse, ...sent },
      },
    },
  }
}
