import { randomUUID } from 'node:crypto'
import { scaledMs } from '../../lib/time-scale.ts'
import type { SessionInfo, Sessions } from '../../sessions/types.ts'
import type { Budget } from '../accounts.ts'
import { KeptKernel } from './kept-kernel.ts'
import { KeptRuns } from './kept-runs.ts'
import type { KernelSpec } from './specs.ts'

/** What a session that is a kernel has in its metadata, so that the next manager knows it too. */
export const MARK = { id: 'jupyter.kernel', name: 'jupyter.name' } as const
/** As of a session that says nothing of it. */
const TTL_MS = 24 * 3_600_000
const IDLE = { freezeMs: 5000, hibernateMs: 300_000 }
/** How often is looked whether the sessions of kernels with clients are still there. */
const REVIEW_MS = scaledMs(10_000)

/** A kernel of a caller's, which is a session. */
export interface Kept {
  readonly id: string
  readonly caller: string
  readonly spec: KernelSpec
  readonly info: SessionInfo
  readonly kernel: KeptKernel
}

export interface NewKernel {
  readonly spec: KernelSpec
  readonly env: Readonly<Record<string, string>>
  /** Of the session, beside the marks of the kernel. */
  readonly metadata: Readonly<Record<string, string>>
  /** Null: a new one. */
  readonly id: string | null
}

/** The kernels that keep their state. Which there are, the sessions know; here is what their clients have to do with. */
export class KeptKernels {
  readonly #sessions: Sessions
  readonly #specs: ReadonlyMap<string, KernelSpec>
  readonly #budget: Budget
  /** By the id of the session. */
  readonly #alive = new Map<string, { readonly kernel: KeptKernel; readonly caller: string }>()
  readonly #review: NodeJS.Timeout

  constructor(sessions: Sessions, specs: ReadonlyMap<string, KernelSpec>, budget: Budget) {
    this.#sessions = sessions
    this.#specs = specs
    this.#budget = budget
    this.#review = setInterval(() => this.#look(), REVIEW_MS).unref()
  }

  /** Oldest first. */
  of(caller: string): Kept[] {
    return this.#sessions.list(caller).flatMap((info) => this.#keptOf(caller, info) ?? [])
  }

  /** @returns null when the caller has no such kernel */
  get(caller: string, id: string): Kept | null {
    return this.of(caller).find((kept) => kept.id === id) ?? null
  }

  /** @throws ManagerError when the caller has too many sessions, or none can be made */
  async start(caller: string, { spec, env, metadata, id }: NewKernel): Promise<Kept> {
    const info = await this.#sessions.create({
      caller,
      template: spec.template.name,
      env,
      metadata: { ...metadata, [MARK.id]: id ?? randomUUID(), [MARK.name]: spec.name },
      ttlMs: TTL_MS,
      idle: IDLE,
    })
    return this.#keptOf(caller, info) as Kept
  }

  async delete({ caller, info }: Kept): Promise<void> {
    this.#drop(info.id)
    await this.#sessions.kill(caller, info.id)
  }

  /** Begins it anew; where its sandbox is lost, in another one. @returns the kernel as it is then */
  async restart(kept: Kept): Promise<Kept> {
    const { id, caller, info, spec, kernel } = kept
    if (info.state !== 'lost') {
      await kernel.restart()
      return kept
    }
    await this.delete(kept)
    return this.start(caller, { spec, env: {}, metadata: info.metadata, id })
  }

  /** The service stops: its clients are told. */
  clear(): void {
    clearInterval(this.#review)
    for (const session of [...this.#alive.keys()]) this.#drop(session)
  }

  #keptOf(caller: string, info: SessionInfo): Kept | null {
    const { [MARK.id]: id, [MARK.name]: name = '' } = info.metadata
    const spec = this.#specs.get(name)
    if (id === undefined || !spec || info.state === 'dead') return null
    return { id, caller, spec, info, kernel: this.#kernelOf(caller, info, spec) }
  }

  #kernelOf(caller: string, { id }: SessionInfo, { language, info }: KernelSpec): KeptKernel {
    const alive = this.#alive.get(id)
    if (alive) return alive.kernel
    const kernel = new KeptKernel({
      caller,
      runs: new KeptRuns(this.#sessions, caller, id, language),
      language: info,
      budget: this.#budget,
      onShutdown: () => {
        this.#drop(id)
        void this.#sessions.kill(caller, id).catch(() => {})
      },
    })
    this.#alive.set(id, { kernel, caller })
    return kernel
  }

  #look(): void {
    for (const [id, { caller }] of this.#alive) {
      const info = this.#sessions.get(caller, id)
      if (!info || info.state === 'dead') this.#drop(id)
    }
  }

  #drop(session: string): void {
    this.#alive.get(session)?.kernel.close()
    this.#alive.delete(session)
  }
}

/** Returns a kernel in the words of Jupyter's REST API. */
export function toldKept({ id, spec, info, kernel }: Kept) {
  const isGone = info.state === 'dead' || info.state === 'lost'
  return {
    id,
    name: spec.name,
    last_activity: kernel.lastActivity.toISOString(),
    execution_state: isGone ? 'dead' : kernel.isBusy ? 'busy' : 'idle',
    connections: kernel.connections,
  }
}
