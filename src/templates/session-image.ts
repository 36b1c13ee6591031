/** What the image of a template of sessions has beside its layers: further languages, npm, a user, and root. */
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { InstalledRuntime } from '../engine/runsc/installation.ts'
import { ManagerError } from '../errors.ts'
import { addNpmPackages, type Libraries } from '../images/language-packages.ts'
import { placeTree } from '../images/layered.ts'
import type { Progress } from '../lib/progress.ts'
import { SESSION_HOME, SESSION_USER } from '../sessions/user.ts'
import type { Template } from './definition.ts'

const { name: USER, uid, gid } = SESSION_USER

const IDENTITIES: Readonly<Record<string, string>> = {
  'etc/passwd': `root:x:0:0:root:/root:/bin/bash\n${USER}:x:${uid}:${gid}:${USER}:${SESSION_HOME}:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
  'etc/group': `root:x:0:\n${USER}:x:${gid}:\nnogroup:x:65534:\n`,
  // The user's own git repositories and pip's and npm's folders are where these tools put them by themselves.
  'etc/gitconfig': '[init]\n\tdefaultBranch = main\n[safe]\n\tdirectory = *\n',
}

/** Names that update-alternatives and packages for people would give, where the program is there. */
const LINKS: Readonly<Record<string, string>> = {
  'usr/bin/cc': 'gcc',
  'usr/bin/c++': 'g++',
  'usr/bin/vi': 'vim.tiny',
  'usr/bin/vim': 'vim.tiny',
  'usr/bin/editor': 'vim.tiny',
  'usr/bin/python': 'python3',
  'usr/bin/pager': 'less',
  'usr/bin/node': '../local/bin/node',
}

/** Raise it when this file makes something else of the same template. */
const VERSION = 2

/** Folders below /usr/local that the user may write to. pip finds that it may not write there, and uses the home. */
const OWN_FOLDERS = ['bin', 'etc', 'include', 'lib', 'lib/node_modules', 'sbin', 'share', 'src']

/** Returns what of a template of sessions shapes its image; see templateHash(). */
export function sessionFacts(
  template: Template,
  others: readonly InstalledRuntime[],
  sudo: string,
): (string | Buffer)[] {
  const { session, folder } = template
  if (!session) return []
  const npm = session.npm ? [readFileSync(join(folder, session.npm, 'package-lock.json'))] : []
  const root = session.root ? [readFileSync(sudo)] : []
  const hashes = others.map(({ imageHash }) => imageHash)
  return [
    JSON.stringify([VERSION, session, hashes, IDENTITIES, LINKS, OWN_FOLDERS]),
    ...npm,
    ...root,
  ]
}

/**
 * Completes the root file system of a template of sessions.
 * @param others the installed runtimes of its further languages
 * @param sudo path of the program
 * @returns what npm added
 */
export async function placeSession(
  rootfs: string,
  { session, folder, name }: Template,
  others: readonly InstalledRuntime[],
  sudo: string,
  workDir: string,
  progress: Progress,
): Promise<Libraries> {
  if (!session) return {}
  let libraries: Libraries = {}
  if (session.npm) {
    const lock = join(folder, session.npm, 'package-lock.json')
    libraries = await addNpmPackages(rootfs, workDir, lock, progress)
    linkPrograms(rootfs)
  }
  for (const other of others) placeTree(rootfs, join(other.rootfs, 'usr/local'), '/usr/local')
  for (const [path, text] of Object.entries(IDENTITIES)) replace(join(rootfs, path), text)
  for (const [path, target] of Object.entries(LINKS)) {
    const file = join(rootfs, path)
    if (!existsSync(join(dirname(file), target))) continue
    rmSync(file, { force: true })
    symlinkSync(target, file)
  }
  for (const python of namesIn(join(rootfs, 'usr/lib'))) {
    // pip refuses to install anywhere where this file is.
    rmSync(join(rootfs, 'usr/lib', python, 'EXTERNALLY-MANAGED'), { force: true })
  }
  if (session.root) placeRoot(rootfs, sudo, name)
  return libraries
}

/** Links the programs of npm's packages, as npm does it. */
function linkPrograms(rootfs: string): void {
  const modules = join(rootfs, 'usr/local/lib/node_modules')
  const bin = join(rootfs, 'usr/local/bin')
  mkdirSync(bin, { recursive: true })
  const facts = JSON.parse(readFileSync(join(modules, 'npm/package.json'), 'utf8'))
  for (const [program, file] of Object.entries(facts.bin as Record<string, string>)) {
    rmSync(join(bin, program), { force: true })
    symlinkSync(join('../lib/node_modules/npm', file), join(bin, program))
  }
}

function placeRoot(rootfs: string, sudo: string, template: string): void {
  if (basename(sudo) !== 'sudo' || !existsSync(sudo)) {
    throw new ManagerError('SETUP_FAILED', `${template}: sudo is not compiled: npm run setup.`)
  }
  const file = join(rootfs, 'usr/bin/sudo')
  rmSync(file, { force: true })
  copyFileSync(sudo, file)
  for (const name of OWN_FOLDERS) {
    const folder = join(rootfs, 'usr/local', name)
    mkdirSync(folder, { recursive: true, mode: 0o755 })
    // Folders are never shared with another image, files are.
    chownSync(folder, uid, gid)
  }
  for (const name of ['opt', 'srv', 'root']) mkdirSync(join(rootfs, name), { recursive: true })
}

/** Replaces a file that may be shared with another image. */
function replace(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  rmSync(file, { force: true })
  writeFileSync(file, text, { mode: 0o644 })
}

function namesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('python3'))
}
