/** Asks a runsc binary for its version and flags. Keeps the answers in the data folder until the file changes. */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunscFacts } from '../engine/runsc/capabilities.ts'
import { parseRunscVersion } from '../engine/runsc/runsc-version.ts'
import { execSync } from '../lib/exec.ts'
import { scaledMs } from '../lib/time-scale.ts'

const PROBE_TIMEOUT_MS = scaledMs(10_000)
const CACHE_FILE = 'runsc.json'

type Cache = Record<string, { file: string; facts: RunscFacts }>

/**
 * Reads the version and the flags of any runsc. Keeps the answer by path, size and time of change.
 * @param home the data folder; nothing is kept where it cannot be written
 * @returns undefined when the file is not there or does not answer as a runsc does
 */
export function probeRunsc(runscPath: string, home: string): RunscFacts | undefined {
  const stats = statSync(runscPath, { throwIfNoEntry: false })
  if (!stats) return undefined
  const file = `${stats.size} ${stats.mtimeMs}`
  const cache = readCache(home)
  const known = cache[runscPath]
  if (known?.file === file) return known.facts
  const version = parseRunscVersion(outputOf(runscPath, '--version'))
  if (version === undefined) return undefined
  const facts = { version, flags: parseFlags(outputOf(runscPath, 'flags')) }
  writeCache(home, { ...cache, [runscPath]: { file, facts } })
  return facts
}

/**
 * Parses the names in what `runsc flags` prints: lines of two spaces, a dash and the name.
 * Source: print of Go's package flag, PrintDefaults.
 */
export function parseFlags(output: string): string[] {
  return [...output.matchAll(/^ {2}-(\S+)/gm)].map(([, name]) => name as string)
}

function outputOf(runscPath: string, argument: string): string {
  const { stdout, stderr } = execSync([runscPath, argument], { timeoutMs: PROBE_TIMEOUT_MS })
  return `${stdout}\n${stderr}`
}

function readCache(home: string): Cache {
  try {
    return JSON.parse(readFileSync(join(home, CACHE_FILE), 'utf8')) as Cache
  } catch {
    return {}
  }
}

function writeCache(home: string, cache: Cache): void {
  const draft = join(home, `${CACHE_FILE}.${process.pid}`)
  try {
    writeFileSync(draft, JSON.stringify(cache))
    renameSync(draft, join(home, CACHE_FILE))
  } catch {
    // Only a cache: doctor may run without the right to write.
  }
}
