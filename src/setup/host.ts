/** What this machine is: the few facts the set-up decides by. */
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

export function readHostSystem(): HostSystem {
  let text = ''
  try {
    text = readFileSync('/etc/os-release', 'utf8')
  } catch {
    // A system without the file is just an unknown one.
  }
  return parseOsRelease(text)
}

export function parseOsRelease(text: string): HostSystem {
  const value = (key: string) =>
    new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.replace(/^(["'])(.*)\1$/, '$2') ?? ''
  return {
    id: value('ID'),
    prettyName: value('PRETTY_NAME') || 'an unknown Linux',
    codename: value('VERSION_CODENAME'),
    version: Number.parseInt(value('VERSION_ID'), 10),
  }
}

/** Full path of a command, found the way a shell finds it. */
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
