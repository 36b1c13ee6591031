import { parseArgs } from 'node:util'
import { ExecutorManager, ExecutorManagerError } from '../clients/typescript/src/index.ts'
import { Transport } from '../clients/typescript/src/transport.ts'
import { COMMANDS, helpText } from './commands.ts'
import { completionScript, SHELLS, type Shell } from './completion.ts'
import { EXIT, Failure } from './failure.ts'
import { showStatus, showTemplates } from './info.ts'
import { runBridge } from './mcp.ts'
import { type RunValues, runOf } from './request.ts'
import { say, showRun } from './run.ts'
import { readSettings } from './settings.ts'

/** The command line. bin.mjs has taken the commands that need no service. */
async function main(words: readonly string[]): Promise<number> {
  const [name = '', ...rest] = words
  if (name === '' || name === '--help' || name === '-h' || name === 'help') {
    console.log(helpText(rest[0]))
    return name === '' ? EXIT.usage : 0
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    const all = Object.keys(COMMANDS).join(', ')
    throw new Failure(`there is no command ${name}; there are ${all}`)
  }
  const { values, positionals } = parsed(name, rest)
  if (values.help) {
    console.log(helpText(name))
    return 0
  }
  if (name === 'completion') return complete(positionals)
  const settings = readSettings(values.url as string | undefined, process.env)
  if (name === 'mcp') {
    const { url, key } = settings
    await runBridge({ url, key, input: process.stdin, output: process.stdout })
    return 0
  }
  const json = values.json === true
  if (name === 'run') {
    const [file, ...args] = positionals
    if (file === undefined) throw new Failure('say which program: executor-manager run FILE')
    const run = runOf(file, args, values as RunValues, process.env)
    const out = values.out as string | undefined
    return showRun(
      run,
      new Transport(settings),
      out === undefined ? { json } : { json, out },
      stop(),
    )
  }
  const client = new ExecutorManager(settings)
  if (name === 'templates') return showTemplates(client, positionals[0], json)
  return showStatus(client, json)
}

function parsed(name: string, args: string[]) {
  const options = COMMANDS[name]?.options ?? {}
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    // It says what to write instead; the first sentence is enough.
    const [said] = (error as Error).message.split(/[.\n]/)
    throw new Failure(`${said}; executor-manager ${name} --help tells the options`)
  }
}

function complete([shell]: readonly string[]): number {
  if (!SHELLS.includes(shell as Shell)) throw new Failure(`say ${SHELLS.join(', ')}`)
  process.stdout.write(completionScript(shell as Shell))
  return 0
}

/** Ctrl-C hangs up, and the service cancels what has no caller. */
function stop(): AbortSignal {
  const controller = new AbortController()
  const end = (exitCode: number) => controller.abort(new Failure('', exitCode))
  process.once('SIGINT', () => end(130))
  process.once('SIGTERM', () => end(143))
  // The reader of the output has gone, as with `| head`.
  process.stdout.on('error', () => end(141))
  process.stderr.on('error', () => end(141))
  return controller.signal
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = error instanceof Failure ? error.exitCode : EXIT.service
  if (error instanceof ExecutorManagerError) {
    const hints: Partial<Record<ExecutorManagerError['type'], string>> = {
      unreachable: '; `executor-manager serve` starts a service here',
      unauthorized: '; EXECUTOR_MANAGER_API_KEY holds the key to show',
    }
    say(error.message.replace(/\.$/, '') + (hints[error.type] ?? ''))
  } else if (error instanceof Failure) {
    if (error.message !== '') say(error.message)
  } else throw error
}
