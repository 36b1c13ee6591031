/**
 * Makes an image of a template: the files of its runtime's image by hard links, which takes no space, with a layer
 * over them. Nothing of the runtime's image is ever written to: what the layer replaces is unlinked first.
 */
import {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { runCommand } from '../lib/command.ts'

/** NLTK refuses to read a file that has two names, so that its data is copied. */
const COPIED = 'usr/share/nltk_data'

/** Makes a copy of an image's root file system by hard links, without the guests in it. */
export async function linkRootfs(from: string, to: string): Promise<void> {
  await copy(from, to, ['--link'])
  rmSync(join(to, '.executor'), { recursive: true, force: true })
  if (!existsSync(join(to, COPIED))) return
  rmSync(join(to, COPIED), { recursive: true })
  await copy(join(from, COPIED), join(to, COPIED), [])
}

function copy(from: string, to: string, flags: readonly string[]): Promise<unknown> {
  return runCommand(['cp', '--archive', ...flags, '--no-target-directory', from, to], {
    purpose: `Linking the files of ${from}`,
    remedy:
      'Check the free disk space, and that the data folder is on a file system with hard links.',
    contained: true,
  })
}

/**
 * Puts a library layer into its folder of the root file system.
 * @param folder absolute path inside; where it is a link to a folder of the image's own libraries, it becomes a
 *   folder that links to each of them, so that both are found and each keeps what it needs beside it
 * @param replaces paths in the folder that go first
 */
export function placeLibraries(
  rootfs: string,
  folder: string,
  layer: string,
  replaces: readonly string[],
): void {
  const target = join(rootfs, folder)
  if (lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink()) openUp(target)
  mkdirSync(target, { recursive: true })
  for (const path of replaces) rmSync(join(target, path), { recursive: true, force: true })
  placeTree(rootfs, layer, folder)
}

/**
 * Puts a tree of files below a folder of the root file system, by hard links. A folder of the tree that is a link to
 * a folder in the root (as /bin is) is followed, but never out of the root.
 * @param isWanted by the path in the root
 */
export function placeTree(
  rootfs: string,
  tree: string,
  folder = '/',
  isWanted: (path: string) => boolean = () => true,
): void {
  const root = realpathSync(rootfs)
  const visit = (from: string, inside: string) => {
    if (!isWanted(inside)) return
    const stats = lstatSync(from)
    const to = join(root, inside)
    if (stats.isDirectory()) {
      const there = lstatSync(to, { throwIfNoEntry: false })
      if (there?.isSymbolicLink()) {
        const real = existsSync(to) ? realpathSync(to) : ''
        if (!real.startsWith(`${root}/`)) return
        for (const name of readdirSync(from))
          visit(join(from, name), join('/', relative(root, real), name))
        return
      }
      if (there && !there.isDirectory()) rmSync(to)
      mkdirSync(to, { recursive: true, mode: 0o755 })
      for (const name of readdirSync(from)) visit(join(from, name), join(inside, name))
      return
    }
    if (!stats.isFile() && !stats.isSymbolicLink()) return
    mkdirSync(dirname(to), { recursive: true, mode: 0o755 })
    rmSync(to, { recursive: true, force: true })
    if (stats.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
    else linkSync(from, to)
  }
  visit(tree, folder)
}

/** Copies a file or folder of the operator's into the root; links in it are copied as what they lead to. */
export function placeFile(rootfs: string, place: string, source: string): void {
  const target = join(rootfs, place)
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
  rmSync(target, { recursive: true, force: true })
  cpSync(source, target, { recursive: true, dereference: true })
}

/** Makes a link to a folder of libraries into a folder of links to each; of scopes (`@x/y`) to each in it. */
function openUp(link: string): void {
  const libraries = join(dirname(link), readlinkSync(link))
  const inside = `/${relative(dirname(link), libraries)}`
  rmSync(link)
  mkdirSync(link, { mode: 0o755 })
  for (const name of readdirSync(libraries)) {
    if (!name.startsWith('@')) {
      symlinkSync(`${inside}/${name}`, join(link, name))
      continue
    }
    mkdirSync(join(link, name), { mode: 0o755 })
    for (const one of readdirSync(join(libraries, name))) {
      symlinkSync(`${inside}/${name}/${basename(one)}`, join(link, name, one))
    }
  }
}
