/** Reads the facts about this machine that the set-up depends on. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type HostSystem = {
  /** "debian", "ubuntu", ... */
  id: string
  prettyName: string
  /** "bookworm"; '' when unknown. */
  codename: string
  /** 12; NaN when it is not a number. */
  version: number
}

/** Reads the os-release file; a system without it is an unknown one. */
export function readHostSystem(): HostSystem {
  for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return parseOsRelease(readFileSync(file, 'utf8'))
    } catch {
      // Try the next one.
    }
  }
  return parseOsRelease('')
}

/** Parses an os-release file: assignments as a shell reads them (os-release(5)). */
export function parseOsRelease(text: string): HostSystem {
  const value = (key: string) => {
    const raw = new RegExp(`^${key}=(.*?)\\s*$`, 'm').exec(text)?.[1] ?? ''
    const quoted = /^(["'])(.*)\1$/.exec(raw)?.[2] ?? raw
    return quoted.replace(/\\(.)/g, '$1')
  }
  return {
    id: value('ID'),
    prettyName: value('PRETTY_NAME') || 'an unknown Linux',
    codename: value('VERSION_CODENAME'),
    version: Number.parseInt(value('VERSION_ID'), 10),
  }
}

/** Where a host gets its packages from. */
export interface HostWay {
  readonly kind: 'debian' | 'ubuntu' | 'image'
  /** Says where they come from, or what to do instead. */
  readonly text: string
}

/** Chooses where a host gets its packages from; `image` where the set-up does not know the distribution. */
export function wayOf(host: HostSystem): HostWay {
  if (host.id === 'debian' && host.version >= 12) {
    return { kind: 'debian', text: "host packages and images come from Debian's archive" }
  }
  if (host.id === 'ubuntu' && host.version >= 22) {
    const text =
      "host packages come from Ubuntu's archive (component universe), images from Debian's, runsc from gVisor's release"
    return { kind: 'ubuntu', text }
  }
  const text =
    'the set-up knows Debian 12 and Ubuntu 22.04 or newer: use the container image (deploy/Dockerfile), or install its tools yourself'
  return { kind: 'image', text }
}

/** Finds the full path of a command as a shell does; undefined when the command is not found. */
export function findOnPath(command: string, path = process.env.PATH ?? ''): string | undefined {
  for (const folder of [...path.split(':'), '/usr/sbin', '/sbin']) {
    if (folder === '') continue
    const file = join(folder, command)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}
