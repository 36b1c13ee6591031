import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/**
 * What starts a command with a program of the host replaced, for that command alone: the shell script
 * comes first, and goes on to the program itself where it does not end.
 * @param folder of the test, for the copies
 */
export function dummyPackage(folder: string, program: string, script: string): string[] {
  const name = path.basename(program)
  const [original, replacement] = [path.join(folder, name), path.join(folder, `${name}-stand-in`)]
  copyFileSync(program, original)
  writeFileSync(replacement, `#!/bin/sh\n${script}\nexec '${original}' "$@"\n`)
  chmodSync(replacement, 0o755)
  const mount = `mount --bind '${replacement}' '${program}' && exec "$@"`
  return ['unshare', '--mount', '--propagation=private', '--', '/bin/sh', '-c', mount, 'sh']
}
