import { VERSION } from '../../version.ts'

type Json = Readonly<Record<string, unknown>>

const text = (description: string, more: Json = {}) => ({ type: 'string', description, ...more })
const number = (description: string, more: Json = {}) => ({ type: 'integer', description, ...more })
const flag = (description: string, value: boolean) => ({
  type: 'boolean',
  description,
  default: value,
})
const texts = (description: string) => ({ type: 'array', items: { type: 'string' }, description })

/** Members of a schema, by name; those that are required are told beside. */
interface Operation {
  readonly path: string
  readonly method: 'get' | 'post' | 'delete'
  readonly id: string
  readonly summary: string
  readonly description: string
  readonly query?: Json
  readonly body?: Json
  readonly required?: readonly string[]
}

const WAIT = {
  wait: {
    type: 'number',
    ...{ minimum: 0, maximum: 300 },
    description: 'Seconds to wait for its end. Without it the answer comes at once.',
  },
  tail: number('Only the last lines of the output.', { minimum: 1 }),
}
const RANGE = {
  start_line: number('The first line, from 1.', { minimum: 1 }),
  end_line: number('The last line.', { minimum: 1 }),
}

/** By the operation ids that Open WebUI knows. */
const OPERATIONS: readonly Operation[] = [
  {
    ...{ path: '/execute', method: 'post', id: 'run_command', summary: 'Execute a command' },
    description:
      'Runs a shell command in the sandbox of this chat, which keeps its files and processes. It goes on when the answer is given: ask for its output with get_process_status. Use wait where its output is needed at once.',
    query: WAIT,
    body: {
      command: text('A line for bash.'),
      cwd: text('The folder that it runs in.'),
      env: {
        type: 'object',
        additionalProperties: { type: 'string' },
        description: 'Further variables.',
      },
    },
    required: ['command'],
  },
  {
    ...{ path: '/execute', method: 'get', id: 'list_processes', summary: 'List commands' },
    description: 'Commands of this chat that run, and those that have ended in the last hour.',
  },
  {
    ...{ path: '/execute/{process_id}/status', method: 'get', id: 'get_process_status' },
    summary: 'Get the state and output of a command',
    description: 'Tells whether it runs, its exit code, and its output from offset on.',
    query: {
      ...WAIT,
      offset: number('next_offset of the answer before.', { minimum: 0, default: 0 }),
    },
  },
  {
    ...{ path: '/execute/{process_id}/input', method: 'post', id: 'send_process_input' },
    summary: 'Send input to a command',
    description: 'Writes text to its standard input. Say line ends too.',
    body: { input: text('The text.') },
    required: ['input'],
  },
  {
    ...{
      path: '/execute/{process_id}',
      method: 'delete',
      id: 'kill_process',
      summary: 'End a command',
    },
    description: 'Sends SIGTERM, or SIGKILL with force.',
    query: { force: flag('Send SIGKILL.', false) },
  },
  {
    ...{ path: '/files/list', method: 'get', id: 'list_files', summary: 'List a folder' },
    description: 'The files and folders in a folder.',
    query: { directory: text('The folder.', { default: '.' }) },
  },
  {
    ...{ path: '/files/read', method: 'get', id: 'read_file', summary: 'Read a file' },
    description: 'The text of a file, or of some of its lines. An image comes as it is.',
    query: { path: text('The file.'), ...RANGE },
    required: ['path'],
  },
  {
    ...{
      path: '/files/display',
      method: 'get',
      id: 'display_file',
      summary: 'Show a file to the user',
    },
    description: 'Opens a file in the viewer of the user. Its content is not told.',
    query: { path: text('The file.') },
    required: ['path'],
  },
  {
    ...{ path: '/files/write', method: 'post', id: 'write_file', summary: 'Write a file' },
    description: 'Writes text to a file, in place of what it was. Folders above it are made.',
    body: { path: text('The file.'), content: text('The text.') },
    required: ['path', 'content'],
  },
  {
    ...{ path: '/files/replace', method: 'post', id: 'replace_file_content' },
    summary: 'Replace text in a file',
    description: 'Replaces texts by others, one after the other, each within its lines.',
    body: {
      path: text('The file.'),
      replacements: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            ...{ target: text('The text as it is.'), replacement: text('What takes its place.') },
            ...RANGE,
            allow_multiple: flag('Whether it may be there more than once.', false),
          },
          required: ['target', 'replacement'],
        },
      },
    },
    required: ['path', 'replacements'],
  },
  {
    ...{ path: '/files/grep', method: 'get', id: 'grep_search', summary: 'Search in files' },
    description: 'Finds a text or a pattern in the files of a folder.',
    query: {
      ...{ query: text('The text, or the pattern.'), path: text('Where.', { default: '.' }) },
      ...{
        regex: flag('Whether it is a pattern.', true),
        include: texts('Names of files, such as *.py.'),
      },
      case_insensitive: flag('Whether A is as a.', false),
      match_per_line: flag('Whether each line is told, or the files alone.', true),
      max_results: number('At most so many.', { minimum: 1, maximum: 500, default: 50 }),
    },
    required: ['query'],
  },
  {
    ...{ path: '/files/glob', method: 'get', id: 'glob_search', summary: 'Find files by name' },
    description: 'Finds files and folders by a pattern of their names.',
    query: {
      ...{ pattern: text('Such as *.py.'), path: text('Where.', { default: '.' }) },
      exclude: texts('Patterns of names that are left out.'),
      type: text('What is found.', { enum: ['file', 'directory', 'any'], default: 'any' }),
      max_results: number('At most so many.', { minimum: 1, maximum: 500, default: 50 }),
    },
    required: ['pattern'],
  },
  {
    ...{ path: '/api/terminals/user/output', method: 'get', id: 'read_user_terminal' },
    summary: 'Read the shell of the user',
    description: 'What the shell that the user has open has shown last.',
  },
  {
    ...{ path: '/api/terminals/user/input', method: 'post', id: 'send_user_terminal_input' },
    summary: 'Type in the shell of the user',
    description: 'Sends text to the shell that the user has open. Read it first.',
    body: { input: text('The text, with its line ends.') },
    required: ['input'],
  },
]

/** Returns the description that Open WebUI makes tools of, with the operation ids of Open Terminal. */
export function openTerminalDescription(): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: described(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Open Terminal',
      description: 'A terminal in a sandbox, one for each user and chat.',
      version: VERSION,
    },
    paths,
    components: { securitySchemes: { HTTPBearer: { type: 'http', scheme: 'bearer' } } },
  }
}

function described({ path, id, summary, description, query = {}, body, required = [] }: Operation) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' } },
  }))
  const inQuery = Object.entries(query).map(([name, schema]) => {
    const words = (schema as { description?: string }).description
    return { name, in: 'query', required: required.includes(name), schema, description: words }
  })
  const schema = { type: 'object', properties: body, required }
  return {
    ...{ operationId: id, summary, description, parameters: [...inPath, ...inQuery] },
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema } } } }),
    responses: { 200: { description: 'Done.', content: { 'application/json': { schema: {} } } } },
    security: [{ HTTPBearer: [] }],
  }
}
