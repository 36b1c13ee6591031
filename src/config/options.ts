/** What the command line says. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ManagerError } from '../errors.ts'

export interface Options {
  /** Serve HTTPS with this certificate and key (PEM); null: HTTP. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
  /** Whether the set-up may install packages of the distribution on this host. */
  readonly mayInstall: boolean
}

/**
 * Reads the command line: `--tls-cert FILE --tls-key FILE`, `--no-install`.
 * @throws ManagerError CONFIG_INVALID that names the option
 */
export function readOptions(args: readonly string[]): Options {
  const options = {
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    'no-install': { type: 'boolean' },
  } as const
  try {
    const { values } = parseArgs({ args: [...args], options, allowPositionals: false })
    const tls = readTls(values['tls-cert'], values['tls-key'])
    return { tls, mayInstall: !values['no-install'] }
  } catch (error) {
    if (error instanceof ManagerError) throw error
    throw new ManagerError('CONFIG_INVALID', (error as Error).message)
  }
}

function readTls(cert: string | undefined, key: string | undefined): Options['tls'] {
  if (cert === undefined && key === undefined) return null
  if (cert === undefined || key === undefined) {
    throw new ManagerError('CONFIG_INVALID', '--tls-cert and --tls-key go together')
  }
  return { cert: readPem('--tls-cert', cert), key: readPem('--tls-key', key) }
}

function readPem(option: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new ManagerError('CONFIG_INVALID', `${option}: ${(error as Error).message}`)
  }
}
