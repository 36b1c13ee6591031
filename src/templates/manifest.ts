/** Checks the files that name a template's libraries, before anything is installed from them. */
import { readFileSync } from 'node:fs'
import { ManagerError } from '../errors.ts'

/** Options of a requirements file that say nothing of where a package comes from. */
const PLAIN_OPTION = /^--(hash|only-binary|no-binary|prefer-binary|pre|require-hashes)\b/
/** What npm takes from elsewhere than its registry. */
const FOREIGN =
  /^(git|github|gitlab|bitbucket|https?|file|link|workspace)[:+]|^[\w.-]+\/[\w.-]+(#|$)|^[./~]/

/**
 * Refuses what no package index has: files, folders, repositories and addresses, for the sandbox that installs
 * reaches the index and nothing else.
 * @throws ManagerError TEMPLATE_INVALID that names the file and the line or the member
 */
export function checkManifest(index: 'pip' | 'npm' | undefined, file: string): void {
  const text = readFileSync(file, 'utf8')
  if (index === 'pip') checkRequirements(text, file)
  else if (index === 'npm') checkPackage(text, file)
}

function checkRequirements(text: string, file: string): void {
  for (const [number, line] of text.split('\n').entries()) {
    const requirement = line.replace(/(^|\s)#.*$/, '').trim()
    if (requirement === '') continue
    const isOption = requirement.startsWith('-') && !PLAIN_OPTION.test(requirement)
    const isForeign = /@\s*\S+:|:\/\/|^[./~]/.test(requirement)
    if (isOption || isForeign) {
      throw new ManagerError(
        'TEMPLATE_INVALID',
        `${file}:${number + 1}: "${requirement.slice(0, 100)}" does not name a package of the index: write NAME or NAME==VERSION. The index itself is the one that pip of this machine is set to.`,
      )
    }
  }
}

function checkPackage(text: string, file: string): void {
  let json: {
    dependencies?: Record<string, unknown>
    optionalDependencies?: Record<string, unknown>
  }
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ManagerError('TEMPLATE_INVALID', `${file}: is not JSON: ${(cause as Error).message}`)
  }
  const all = { ...json?.dependencies, ...json?.optionalDependencies }
  for (const [name, version] of Object.entries(all)) {
    if (typeof version === 'string' && !FOREIGN.test(version)) continue
    throw new ManagerError(
      'TEMPLATE_INVALID',
      `${file}: dependencies.${name}: ${JSON.stringify(version)} is no version of a package of the registry`,
    )
  }
}
