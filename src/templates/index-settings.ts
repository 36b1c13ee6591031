/** Where the package indexes are: as pip and npm of this machine are set, by their own means. */
import { readFileSync } from 'node:fs'
import { ManagerError } from '../errors.ts'
import { exec } from '../lib/exec.ts'

export interface IndexSettings {
  /** Addresses of the indexes, the first one asked first; with credentials where they are needed. */
  readonly urls: readonly string[]
  /** PEM text of further certificates to trust; null: those that Node.js trusts. */
  readonly certificates: string | null
}

/**
 * Asks the tool of this machine, with this process's environment.
 * @throws ManagerError BUILD_FAILED when it does not say where its index is
 */
export async function readIndexSettings(index: 'pip' | 'npm'): Promise<IndexSettings> {
  return index === 'pip' ? readPip() : readNpm()
}

async function readPip(): Promise<IndexSettings> {
  const { stdout: list } = await exec(['pip3', 'config', 'list'])
  const settings = parsePipConfig(list)
  const first = settings['index-url'] ?? (await pipDefault())
  const more = (settings['extra-index-url'] ?? '').split(/\s+/).filter(Boolean)
  return { urls: [first, ...more].map(checked), certificates: readFile(settings.cert) }
}

/**
 * Parses what `pip config list` prints: lines such as `global.index-url='...'`. What the environment says (`:env:`) goes
 * before what files say, and `install` before `global`.
 */
export function parsePipConfig(list: string): Record<string, string> {
  const rank = ['global', 'install', ':env:']
  const found = list.split('\n').flatMap((line) => {
    const [, section = '', name = '', value = ''] =
      /^(global|install|:env:)\.([\w-]+)='(.*)'$/.exec(line) ?? []
    return name ? [{ section, name, value: value.replaceAll('\\n', ' ') }] : []
  })
  found.sort((a, b) => rank.indexOf(a.section) - rank.indexOf(b.section))
  return Object.fromEntries(found.map(({ name, value }) => [name, value]))
}

/** Reads the index that pip uses unless it is told another from its own help. */
async function pipDefault(): Promise<string> {
  const { stdout } = await exec(['pip3', 'install', '--help'])
  const said = /--index-url <url>[\s\S]*?\(default\s+(\S+?)\)/.exec(stdout)?.[1]
  if (said) return said
  throw new ManagerError(
    'BUILD_FAILED',
    'pip3 of this machine does not say which package index it uses: install python3-pip, or set PIP_INDEX_URL.',
  )
}

async function readNpm(): Promise<IndexSettings> {
  const get = async (name: string) => {
    const { stdout } = await exec(['npm', 'config', 'get', name], { cwd: '/' })
    const value = stdout.trim()
    return value === 'null' || value === 'undefined' ? '' : value
  }
  const registry = await get('registry')
  if (registry === '') {
    throw new ManagerError(
      'BUILD_FAILED',
      'npm of this machine does not say which registry it uses: install npm, or set npm_config_registry.',
    )
  }
  return { urls: [checked(registry)], certificates: readFile(await get('cafile')) }
}

function checked(url: string): string {
  if (/^https?:\/\/[^/]+/.test(url) && URL.canParse(url)) return url.replace(/\/*$/, '/')
  throw new ManagerError(
    'BUILD_FAILED',
    `The package index of this machine is ${JSON.stringify(url.slice(0, 200))}, which is no http or https address.`,
  )
}

function readFile(file: string | undefined): string | null {
  if (!file) return null
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
