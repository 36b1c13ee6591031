import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Options } from '../clients/typescript/src/index.ts'
import { Failure } from './failure.ts'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Where the service is, and the key to show there. The file's key is only shown to the file's service.
 * @param url of the command line
 * @throws Failure when the config file cannot be read, or can be read by others
 */
export function readSettings(url: string | undefined, env: Env): Options {
  const file = readConfigFile(configPath(env))
  const chosen = url ?? env.EXECUTOR_MANAGER_URL ?? file.url
  const fileKey = chosen === file.url ? file.key : undefined
  return { url: checkedUrl(chosen), key: env.EXECUTOR_MANAGER_API_KEY || fileKey }
}

function configPath(env: Env): string {
  const folder = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config')
  return join(folder, 'executor-manager', 'config.json')
}

function readConfigFile(path: string): { url?: string; key?: string } {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) return {}
  if (stats.mode & 0o077) {
    throw new Failure(`${path} can be read by others, and a key is in it: chmod 600 ${path}`)
  }
  if (process.getuid && stats.uid !== process.getuid()) {
    throw new Failure(`${path} belongs to somebody else: it must be yours`)
  }
  const members = parsed(path)
  for (const [name, value] of Object.entries(members)) {
    if (name !== 'url' && name !== 'key') throw new Failure(`${path}: unknown member ${name}`)
    if (typeof value !== 'string') throw new Failure(`${path}: ${name} must be a text`)
  }
  return members
}

function parsed(path: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw new Failure(`${path}: ${(error as Error).message}`)
  }
  throw new Failure(`${path} must be a JSON object with url and key`)
}

function checkedUrl(url: string | undefined): string | undefined {
  if (url === undefined) return undefined
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url
  throw new Failure(`${url} is no address of a service, such as http://127.0.0.1:9385`)
}
