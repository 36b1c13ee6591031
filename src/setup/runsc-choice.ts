/** Reads which runsc the operator wants. */
import { resolve } from 'node:path'

export type RunscChoice = {
  /** The runsc to use; null: the first that is found. */
  path: string | null
  /** Where gVisor's release is downloaded from; null: nowhere. */
  download: ReleaseSource | null
}

export type ReleaseSource = {
  /** As the setting has it: `latest`, a release's date or an address. */
  name: string
  /** Of the folder that holds the tarball and its checksum. */
  url: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** Source: https://gvisor.dev/docs/user_guide/install/ */
const RELEASES = 'https://storage.googleapis.com/gvisor/releases/release'
/** gVisor names architectures as uname(1) does. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

/**
 * Reads EXECUTOR_MANAGER_RUNSC (a path) and EXECUTOR_MANAGER_RUNSC_DOWNLOAD (`latest`, `none`, a release
 * such as 20260905 or 20260905.0, or the address of a mirror's folder, in which {arch} stands for the
 * architecture). Any other text counts as `none` here; config.ts refuses it.
 */
export function readRunscChoice(env: Environment): RunscChoice {
  const path = env.EXECUTOR_MANAGER_RUNSC
  return {
    path: path ? resolve(path) : null,
    download: parseReleaseSource(env.EXECUTOR_MANAGER_RUNSC_DOWNLOAD || 'latest') ?? null,
  }
}

/**
 * Parses where gVisor's release is downloaded from.
 * @returns null for `none`; undefined when the text is no source
 */
export function parseReleaseSource(text: string): ReleaseSource | null | undefined {
  const name = text.trim()
  if (name === 'none') return null
  const arch = ARCHITECTURES[process.arch]
  if (arch === undefined) return null
  if (name === 'latest' || /^20\d{6}(\.\d+)?$/.test(name)) {
    return { name, url: `${RELEASES}/${name}/${arch}` }
  }
  const url = URL.canParse(name) ? new URL(name) : null
  if (!url || !isSafe(url)) return undefined
  return { name, url: name.replaceAll('{arch}', arch).replace(/\/+$/, '') }
}

/** The checksum comes from the same server, so the connection has to be authentic. */
function isSafe({ protocol, hostname }: URL): boolean {
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback)
}
