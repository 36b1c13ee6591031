import { deserialize, serialize } from 'node:v8'
import type { KeptFiles } from '../../jobs/kept-files.ts'
import { isId, newId } from './ids.ts'
import type { ToolRun } from './tool-run.ts'

/** How long a caller may take to answer the calls of a program. */
const KEPT_MS = 10 * 60_000
const FOLDER = 'programs'

/** Programs that wait for answers of tools, in the store, each known to its owner only. */
export class ToolRuns {
  readonly #kept: KeptFiles
  /** Tokens in use: two requests would run the program twice. */
  readonly #busy = new Set<string>()

  constructor(kept: KeptFiles) {
    this.#kept = kept
  }

  /** @returns false: another request uses it */
  take(token: string): boolean {
    if (this.#busy.has(token)) return false
    this.#busy.add(token)
    return true
  }

  giveBack(token: string): void {
    this.#busy.delete(token)
  }

  /** @returns null: it is not there (any more), or is another owner's */
  async find(owner: string, token: string): Promise<ToolRun | null> {
    const found = isId(token) ? await this.#kept.get(owner, FOLDER, token) : null
    if (!found) return null
    const pieces: Buffer[] = []
    for await (const piece of found.read()) pieces.push(piece)
    return deserialize(Buffer.concat(pieces)) as ToolRun
  }

  /**
   * Keeps a program, in place of what was kept of it before.
   * @param token null: it is new
   * @returns its token
   * @throws ManagerError HELD_TOO_MUCH, STORE_FAILED
   */
  async keep(owner: string, token: string | null, run: ToolRun): Promise<string> {
    const name = token ?? newId()
    await this.#kept.put(owner, FOLDER, name, serialize(run), { keepMs: KEPT_MS })
    return name
  }

  async remove(owner: string, token: string | null): Promise<void> {
    if (token !== null) await this.#kept.remove(owner, FOLDER, token)
  }
}
