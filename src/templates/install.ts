/** Installs the libraries of a template in a sandbox that reaches the package index and nothing else. */
import { copyFileSync, mkdirSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'
import type { RunscEngine } from '../engine/runsc/engine.ts'
import { ManagerError } from '../errors.ts'
import type { Progress } from '../lib/progress.ts'
import { scaledMs } from '../lib/time-scale.ts'
import { MIB } from '../lib/units.ts'
import type { Template } from './definition.ts'
import { IndexGateway } from './index-gateway.ts'
import { readIndexSettings } from './index-settings.ts'
import { type LayerEnd, LayerReader, plainText } from './layer-stream.ts'
import { ensureTools } from './tools.ts'

/** What the libraries of a template may take, on disk. */
export const LAYER_BOUNDS = { bytes: 2048 * MIB, files: 200_000 }
/** Downloads and what is unpacked lie in memory until they are handed over. */
const WORKSPACE_BYTES = 6144 * MIB
const TIMEOUT_MS = scaledMs(20 * 60_000)

export interface InstallPlaces {
  readonly home: string
  /** Root file system of the runtime's image. */
  readonly rootfs: string
  /** Scratch folder of this build. */
  readonly workDir: string
}

/**
 * Installs what the template's manifest names.
 * @param layer an empty folder, for the files
 * @throws ManagerError BUILD_FAILED that says which requirement and why, SETUP_FAILED
 */
export async function installLibraries(
  template: Template,
  layer: string,
  { home, rootfs, workDir }: InstallPlaces,
  engine: RunscEngine,
  progress: Progress,
): Promise<Extract<LayerEnd, { kind: 'done' }>> {
  const { name, base, manifest, folder } = template
  const recipe = base.libraries
  if (!recipe || manifest === null) throw new Error(`${name} names no libraries`)
  const tools = await ensureTools(base, recipe, home, progress)
  const settings = await readIndexSettings(recipe.index)
  const shown = Object.fromEntries(
    ['guest', 'manifest', 'index'].map((part) => {
      mkdirSync(join(workDir, part), { mode: 0o755 })
      return [part, join(workDir, part)]
    }),
  ) as Record<'guest' | 'manifest' | 'index', string>
  for (const file of recipe.files) copyFileSync(join(base.folder, file), join(shown.guest, file))
  // Of the template's folder it sees the files that name libraries, and nothing else.
  for (const file of recipe.manifests) copyIfThere(join(folder, file), join(shown.manifest, file))
  const gateway = await IndexGateway.listen(settings, join(shown.index, 'socket'))
  const reader = new LayerReader(layer, LAYER_BOUNDS, (text) => progress(`${name}: ${text}`))
  const workspaceBytes = Math.min(WORKSPACE_BYTES, Math.floor(freemem() / 2))
  try {
    const argv = recipe.install.map((part) => part.replaceAll('{guest}', '/run/guest'))
    const { errors, limit } = await engine.runJob(
      {
        name,
        rootfs,
        args: [...argv, `/run/manifest/${manifest}`, ...gateway.paths],
        env: { LC_ALL: 'C.UTF-8' },
        shown: [
          { from: shown.guest, to: '/run/guest' },
          { from: shown.manifest, to: '/run/manifest' },
          { from: shown.index, to: '/run/index' },
          { from: tools, to: '/run/tools' },
        ],
        opensSockets: true,
        workspaceBytes,
        memoryBytes: workspaceBytes + 1024 * MIB,
        timeoutMs: TIMEOUT_MS,
      },
      (chunk) => reader.take(chunk),
    )
    const { end } = reader
    if (end?.kind === 'done') return end
    const why =
      end?.why ??
      (limit
        ? `it passed the limit of ${limit} (${Math.round(workspaceBytes / MIB)} MiB, ${TIMEOUT_MS / 1000} s)`
        : plainText(errors.slice(-800), 800) || 'the sandbox ended before it was done')
    throw failed(template, why)
  } catch (error) {
    if (error instanceof ManagerError && error.code === 'BUILD_FAILED' && !reader.end) {
      throw failed(template, error.message)
    }
    throw error
  } finally {
    reader.close()
    await gateway.close()
  }
}

function failed({ folder, manifest }: Template, why: string): ManagerError {
  const text = why.startsWith(folder) ? why : `${join(folder, manifest ?? '')}: ${why}`
  return new ManagerError('BUILD_FAILED', text)
}

function copyIfThere(from: string, to: string): void {
  try {
    copyFileSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
