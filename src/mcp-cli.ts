import { parseArgs } from 'node:util'
import { runBridge } from './mcp-bridge.ts'

/**
 * `mcp [--url URL]`: a server of the Model Context Protocol on stdin and stdout, which asks a running Executor
 * Manager. Nothing else may be written to stdout.
 * @returns exit status
 */
async function main(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = { url: { type: 'string' } } as const
  const { url } = parseArgs({ args, options }).values
  const base = url ?? (env.EXECUTOR_MANAGER_URL || 'http://127.0.0.1:9385')
  if (!URL.canParse(base)) {
    console.error(`executor-manager mcp: ${base} is no URL, like http://127.0.0.1:9385`)
    return 2
  }
  const target = new URL(base)
  if (!target.pathname.endsWith('/mcp')) {
    target.pathname = `${target.pathname.replace(/\/$/, '')}/mcp`
  }
  const key = env.EXECUTOR_MANAGER_API_KEY || null
  await runBridge({ url: target, key, input: process.stdin, output: process.stdout })
  return 0
}

main(process.argv.slice(2), process.env).then(
  (status) => {
    process.exitCode = status
  },
  (error: Error) => {
    console.error(`executor-manager mcp: ${error.message}`)
    process.exitCode = 1
  },
)
