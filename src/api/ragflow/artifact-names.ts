import { posix } from 'node:path'

/**
 * Returns one name for each path: its last part, with its folders in front, joined by `-`, where two would be
 * the same. RAGFlow knows names without folders only.
 */
export function flatNames(paths: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const path of paths) {
    const base = posix.basename(path)
    counts.set(base, (counts.get(base) ?? 0) + 1)
  }
  const taken = new Set<string>()
  return paths.map((path) => {
    const base = posix.basename(path)
    const wanted = counts.get(base) === 1 ? base : path.replaceAll('/', '-')
    let name = wanted
    for (let number = 2; taken.has(name); number++) name = `${number}-${wanted}`
    taken.add(name)
    return name
  })
}
