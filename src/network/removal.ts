import { existsSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { ManagerError } from '../errors.ts'
import { feed, nft } from './tools.ts'

/** Returns the folder that a manager's network namespaces are mounted in. */
export function namespacesFolder(runFolder: string): string {
  return path.join(runFolder, 'network')
}

/** Returns the name of a manager's table of nftables. */
export function tableOf(owner: string): string {
  return `executor_manager_${owner.replace('-', '_')}`
}

/**
 * Removes what is left of a manager's network: namespaces, links and rules. Does nothing where there was
 * none. All of that manager's sandboxes must be gone.
 * @param owner the manager's mark
 * @param runFolder of that manager
 * @param signal gives the removal up
 * @throws ManagerError NETWORK_FAILED when the rules are still there; then so is the folder
 */
export async function removeNetwork(
  owner: string,
  runFolder: string,
  signal: AbortSignal | null = null,
): Promise<void> {
  const folder = namespacesFolder(runFolder)
  const table = tableOf(owner)
  if (!existsSync(folder)) return
  const files = namesIn(folder).map((name) => path.join(folder, name))
  // The links go with the namespaces. A file whose namespace was not made is not mounted.
  if (files.length > 0) await feed(['umount', ...files], '', signal).catch(() => {})
  try {
    await nft(`delete table inet ${table}`, signal)
  } catch {
    // The table does not exist if the network could not be opened. Rules for a network that is gone match nothing.
    const tables = await feed(['nft', 'list', 'tables'], '', signal)
    if (tables.includes(` ${table}\n`)) {
      throw new ManagerError('NETWORK_FAILED', `the table ${table} of nftables cannot be removed`)
    }
  }
  rmSync(folder, { recursive: true, force: true })
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
