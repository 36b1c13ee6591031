import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import {
  type CallToolResult,
  McpServer,
  ResourceNotFoundError,
  ResourceTemplate,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { RunRequest } from '../../run/types.ts'
import { admit, wireLimits } from '../v1/admit.ts'
import { invalid, problemOf } from '../v1/problems.ts'
import { checkRun } from '../v1/read-run.ts'
import { tellOutcome, tellProblem } from '../v1/tell.ts'
import { type McpCall, type McpService, NOTHING } from './call.ts'
import { KEPT_MS, type KeptPart, type KeptResults } from './kept-results.ts'
import { addLongRunTools } from './long-runs.ts'
import { presentOutcome, toldOf, uriOfPart } from './present.ts'
import { progressOf } from './progress.ts'
import {
  listTemplatesOutput,
  runCodeInput,
  runCodeInSessionInput,
  runCodeOutput,
} from './schemas.ts'
import { runInSession } from './session-runs.ts'
import { addSessionTools } from './session-tools.ts'
import { storedPart, storedParts } from './stored-runs.ts'

const INSTRUCTIONS =
  'Runs programs in isolated sandboxes. Each run gets a fresh sandbox: nothing is kept between runs, so put all files that a program needs into the call.'
const IN_SESSIONS =
  ' To keep variables, files and installed packages between calls, open a session with open_session, and say it in each call.'
const RUN_CODE = `Run a program in a fresh, isolated sandbox and get its output. Print what you want to see: only stdout, stderr and files are returned. Files that the program writes into its working directory come back: images as images, others as resource links that can be read for ${KEPT_MS / 60_000} minutes. Nothing is kept between calls`
/** The youngest are listed. */
const MAX_LISTED = 500
const KEPT_URI = 'sandbox://runs/{run}/{+part}'

/** Builds a server for one message. Making it is cheap: nothing is kept in it. */
export function buildMcpServer(
  service: McpService,
  results: KeptResults,
  call: McpCall,
): McpServer {
  const { version, sessions } = service
  const openWorldHint = templatesHaveNetwork(service)
  const server = new McpServer(
    { name: 'executor-manager', title: 'Executor Manager', version },
    { instructions: sessions ? INSTRUCTIONS + IN_SESSIONS : INSTRUCTIONS },
  )
  server.registerTool(
    'run_code',
    {
      title: 'Run code',
      description: `${RUN_CODE}${sessions ? ', but in a session: there a program has the variables of those before it, its files stay among those of the session, and the value of its last expression comes back.' : '.'}`,
      inputSchema: sessions ? runCodeInSessionInput : runCodeInput,
      outputSchema: runCodeOutput,
      annotations: {
        readOnlyHint: false,
        destructiveHint: false,
        openWorldHint,
      },
    },
    (_given, context) =>
      sessions && call.run?.value.session !== undefined
        ? runInSession({ service, sessions, results, call, mcpReq: context.mcpReq })
        : runCode(service, results, call, context),
  )
  server.registerTool(
    'list_templates',
    {
      title: 'List templates',
      description: 'List the languages that run_code takes, with their libraries and limits.',
      outputSchema: listTemplatesOutput,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    () => listTemplates(service),
  )
  addLongRunTools(server, service, call, openWorldHint)
  if (sessions) addSessionTools(server, { service, sessions, results, call }, openWorldHint)
  server.registerResource(
    'output of a run',
    new ResourceTemplate(KEPT_URI, {
      list: () => listParts(results, service, call.request.caller),
    }),
    { description: 'Files and long output of a run, for its caller, for some time.' },
    (uri) => readPart(results, service, call.request.caller, uri),
  )
  return server
}

const templatesHaveNetwork = ({ templates }: McpService) =>
  templates.some(({ network }) => network === 'egress')

async function runCode(
  service: McpService,
  results: KeptResults,
  call: McpCall,
  { mcpReq }: ServerContext,
): Promise<CallToolResult> {
  const { request } = call
  const { caller } = request
  const progress = progressOf(mcpReq)
  let run: RunRequest | null = null
  try {
    if (call.run?.value.timeout_seconds !== undefined) {
      const detail = 'is of runs in a session; others have the limits of list_templates'
      throw invalid([{ pointer: '/timeout_seconds', detail }])
    }
    const read = checkRun(call.run?.value, call.run?.bulk ?? NOTHING, '')
    if ('issues' in read) throw invalid(read.issues)
    run = admit(read.value, service.templates, caller, randomUUID())
    const { id } = run
    const outcome = await service.runs.start(run, {
      signal: AbortSignal.any([call.signal, mcpReq.signal]),
      onStart: () => call.giveBodyBack(),
      onEvent: progress ? (event) => progress.tell(event) : undefined,
    })
    tellOutcome(request, run, outcome, service)
    return presentOutcome(id, toldOf(outcome), (parts) => results.keep(caller, id, parts))
  } catch (error) {
    const problem = problemOf(call.cause(error as Error))
    tellProblem(request, run, problem.problem, error as Error, service)
    return { isError: true, content: [{ type: 'text', text: problem.message }] }
  } finally {
    progress?.end()
  }
}

function listTemplates({ templates }: McpService): CallToolResult {
  const told = templates.map(({ name, languages, version, libraries, preloaded, ...more }) => ({
    name,
    languages: [...languages],
    version,
    libraries: libraries.map((library) =>
      [library.name, library.version].filter(Boolean).join(' '),
    ),
    preloaded: [...preloaded],
    network: more.network,
    limits: wireLimits(more.limits),
  }))
  return {
    content: [{ type: 'text', text: JSON.stringify(told) }],
    structuredContent: { templates: told },
  }
}

async function listParts(results: KeptResults, { jobs }: McpService, caller: string) {
  const kept = [...results.list(caller, MAX_LISTED), ...(await storedParts(jobs, caller))]
  const resources = kept.slice(0, MAX_LISTED).map(({ run, name, mediaType, size }) => ({
    uri: uriOfPart(run, name),
    name,
    mimeType: mediaType,
    size,
  }))
  return { resources }
}

async function readPart(results: KeptResults, { jobs }: McpService, caller: string, uri: URL) {
  const [, run = '', part = ''] = /^sandbox:\/\/runs\/([^/]+)\/(.+)$/.exec(uri.href) ?? []
  const name = decoded(part)
  const found = results.read(caller, run, name) ?? (await storedPart(jobs, caller, run, name))
  if (found === null) throw new ResourceNotFoundError(uri.href)
  return { contents: [{ uri: uri.href, mimeType: found.mediaType, ...contentOf(found) }] }
}

function contentOf({ content, mediaType }: KeptPart): { text: string } | { blob: string } {
  const isText = /^text\/|[/+](json|xml|yaml)$/.test(mediaType) && isUtf8(content)
  return isText ? { text: content.toString() } : { blob: content.toString('base64') }
}

/** Names that no part has stay as they are. */
function decoded(part: string): string {
  try {
    return part.split('/').map(decodeURIComponent).join('/')
  } catch {
    return part
  }
}
