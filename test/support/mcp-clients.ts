import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as OldStdio } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as OldHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

export interface McpTarget {
  /** Of the service, without `/mcp`. */
  readonly url: string
  readonly key?: string
}

/** What the tests need of a client, whichever package it is of. */
export interface McpClient {
  listTools(): Promise<{ tools: { name: string; outputSchema?: unknown }[] }>
  callTool(
    call: { name: string; arguments: Record<string, unknown> },
    options?: { signal?: AbortSignal; onprogress?: (progress: Progress) => void; timeout?: number },
  ): Promise<ToolAnswer>
  listResources(): Promise<{ resources: ListedResource[] }>
  readResource(of: { uri: string }): Promise<{ contents: ResourceContent[] }>
  close(): Promise<void>
}

export interface Progress {
  readonly progress: number
  readonly message?: string
}

export interface ToolAnswer {
  readonly isError?: boolean
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly content: any[]
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly structuredContent?: any
}

export interface ResourceContent {
  readonly uri: string
  readonly mimeType?: string
  readonly text?: string
  readonly blob?: string
}

export interface ListedResource {
  readonly uri: string
  readonly name: string
  readonly mimeType?: string | undefined
}

/** The tools of the service, in their order. */
export const TOOLS = ['run_code', 'list_templates', 'start_run', 'get_run', 'cancel_run']
/** Those of one where callers can keep sessions. */
export const SESSION_TOOLS = [
  'open_session',
  'run_command',
  'read_file',
  'write_file',
  'list_files',
  'close_session',
]

export interface McpClientKind {
  readonly name: string
  connect(target: McpTarget): Promise<McpClient>
}

const ME = { name: 'test', version: '1' }
const MODES = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } } as const
type Mode = keyof typeof MODES

function newClient(mode: Mode): Client {
  return new Client(ME, { versionNegotiation: { mode: MODES[mode] } })
}

/** The official clients, of both packages, in each way in which they can be used. */
export const HTTP_CLIENTS: readonly McpClientKind[] = [
  ...(Object.keys(MODES) as Mode[]).map((mode) => ({
    name: `client 2.4.0, ${mode}, HTTP`,
    connect: async ({ url, key }: McpTarget) => {
      const client = newClient(mode)
      const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
        requestInit: { headers: key ? { authorization: `Bearer ${key}` } : {} },
      })
      await client.connect(transport)
      return client as unknown as McpClient
    },
  })),
  {
    name: 'sdk 1.32.2, HTTP',
    connect: async ({ url, key }) => {
      const client = new OldClient(ME)
      const transport = new OldHttp(new URL(`${url}/mcp`), {
        requestInit: { headers: key ? { authorization: `Bearer ${key}` } : {} },
      })
      await client.connect(transport as Parameters<typeof client.connect>[0])
      return old(client)
    },
  },
]

/** Its method to call a tool takes a schema between the call and the options. */
function old(client: OldClient): McpClient {
  const callTool: McpClient['callTool'] = (call, options) =>
    client.callTool(call, undefined, options as object) as Promise<ToolAnswer>
  return {
    listTools: () => client.listTools(),
    listResources: () => client.listResources(),
    callTool,
    readResource: (of) => client.readResource(of) as ReturnType<McpClient['readResource']>,
    close: () => client.close(),
  }
}

function bridge({ url, key }: McpTarget) {
  return {
    command: process.execPath,
    args: ['cli/bin.mjs', 'mcp', '--url', url],
    env: { PATH: process.env.PATH ?? '', ...(key ? { EXECUTOR_MANAGER_API_KEY: key } : {}) },
  }
}

export const STDIO_CLIENTS: readonly McpClientKind[] = [
  ...(Object.keys(MODES) as Mode[]).map((mode) => ({
    name: `client 2.4.0, ${mode}, stdio`,
    connect: async (target: McpTarget) => {
      const client = newClient(mode)
      await client.connect(new StdioClientTransport(bridge(target)))
      return client as unknown as McpClient
    },
  })),
  {
    name: 'sdk 1.32.2, stdio',
    connect: async (target) => {
      const client = new OldClient(ME)
      await client.connect(new OldStdio(bridge(target)))
      return old(client)
    },
  },
]
