import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../../errors.ts'
import { exec } from '../../lib/exec.ts'
import { scaledMs } from '../../lib/time-scale.ts'
import { MIB } from '../../lib/units.ts'
import { unlessAborted } from '../../lib/unless-aborted.ts'
import type { NetworkLease } from '../../network/egress.ts'
import type { Cgroup } from './cgroup.ts'
import { createCgroup } from './cgroup-factory.ts'
import {
  checkpointCommand,
  inNetwork,
  type RunscFlags,
  restoreCommand,
  runCommand,
} from './command.ts'
import type { EngineContext } from './engine-context.ts'
import type { Pace } from './processor-shares.ts'
import { Sandbox } from './sandbox.ts'

const CHECKPOINT_TIMEOUT_MS = scaledMs(60_000)
/** How long a failed making waits until its sandbox is removed; that usually takes 20 ms. */
const GONE_MS = scaledMs(1000)
/** While a sandbox is made, before its own limit is known and set. */
const MAKING_MEMORY_BYTES = 1024 * MIB

/** Limit of host tasks. Sentry, gofer and stubs need about 21, and each guest process 2 more. */
const hostTasksFor = (guestProcesses: number) => 64 + 4 * guestProcesses

/** What is launched: one kind of sandbox, from one bundle. */
export interface Bundle {
  /** Unique in the manager; ids of sandboxes begin with it. */
  readonly name: string
  /** config.json of the bundle. */
  readonly spec: object
  readonly hasRootImage: boolean
  /** False by default. */
  readonly hasWritableRoot?: boolean
  /** Memory that a restored sandbox may use before its own limit is set, if that is more than a new one needs. */
  readonly makingBytes?: number
  /** Guest processes and threads that the spec allows. */
  readonly processes: number
}

/** Makes what a sandbox has as config.json instead of that of its bundle; null: it has that. */
export type OwnSpec = (() => object) | null

/** A sandbox with all that belongs to it. Its owner disposes of the sandbox, then releases the network. */
export interface Launched {
  readonly id: string
  readonly sandbox: Sandbox
  /** Null: it has none. */
  readonly network: NetworkLease | null
}

/** Starts sandboxes of one bundle: cold, or from a checkpoint; and checkpoints them. */
export class Launcher {
  readonly #context: EngineContext
  readonly #bundle: Bundle
  readonly #folder: string
  #count = 0

  constructor(context: EngineContext, bundle: Bundle) {
    this.#context = context
    this.#bundle = bundle
    this.#folder = path.join(context.owner.runFolder, `bundle-${bundle.name}`)
    writeBundle(this.#folder, bundle.spec)
  }

  /**
   * Boots a sandbox; resolves before it runs.
   * @param mayConnect whether it gets the devices of its network namespace, where there is one
   * @throws ManagerError ENGINE_FAILED, NETWORK_FAILED, SHUTTING_DOWN
   */
  boot(mayConnect: boolean, pace: Pace, own: OwnSpec = null): Promise<Launched> {
    return this.#launch(mayConnect, pace, own, runCommand)
  }

  /**
   * Restores a sandbox from the checkpoint in a folder; resolves before it runs.
   * @throws ManagerError ENGINE_FAILED, NETWORK_FAILED, SHUTTING_DOWN
   */
  restore(image: string, pace: Pace, own: OwnSpec = null): Promise<Launched> {
    return this.#launch(true, pace, own, (flags, folder, id) =>
      restoreCommand(flags, folder, id, image),
    )
  }

  /**
   * Writes the state of a sandbox, which ends by that, into an empty folder.
   * @param signal ends it early
   * @throws ManagerError ENGINE_FAILED; the signal's reason
   */
  async checkpoint(
    id: string,
    hasNetwork: boolean,
    image: string,
    signal: AbortSignal | null = null,
  ): Promise<void> {
    const words = checkpointCommand(this.#flags(id, hasNetwork), id, image)
    const command = [this.#context.setting.runscPath, ...words]
    const options = { timeoutMs: CHECKPOINT_TIMEOUT_MS, signal, env: process.env }
    const { failure, stderr } = await exec(command, options)
    signal?.throwIfAborted()
    if (failure === null) return
    throw new ManagerError('ENGINE_FAILED', `checkpoint of ${id}: ${stderr.trim() || failure}`)
  }

  /**
   * Disposes of a sandbox that no pool has, and waits up to 1 s for that. After that the engine is told that
   * it remains, and it keeps its place.
   */
  async remove(one: { dispose(): Promise<void> }): Promise<void> {
    const removal = one.dispose()
    const isGone = removal.then(
      () => true,
      () => true,
    )
    const isLate = sleep(GONE_MS, false, { ref: false })
    if (!(await Promise.race([isGone, isLate]))) this.#context.events.remains(removal)
  }

  async #launch(
    mayConnect: boolean,
    pace: Pace,
    own: OwnSpec,
    command: (flags: RunscFlags, folder: string, id: string) => string[],
  ): Promise<Launched> {
    const network = await this.#acquireNetwork()
    const { setting, tree, owner, processors } = this.#context
    const id = `${this.#bundle.name}-${++this.#count}`
    let cgroup: Cgroup | null = null
    try {
      cgroup = createCgroup(tree, path.join(owner.name, id), {
        memoryBytes: Math.max(MAKING_MEMORY_BYTES, this.#bundle.makingBytes ?? 0),
        tasks: hostTasksFor(this.#bundle.processes),
      })
      processors.make(cgroup, pace)
      const flags = this.#flags(id, mayConnect && network !== null)
      const folder = own ? writeBundle(path.join(flags.stateFolder, 'bundle'), own()) : this.#folder
      const words = [setting.runscPath, ...command(flags, folder, id)]
      const whole = network ? inNetwork(setting.capabilities, network.namespaceFile, words) : words
      return { id, sandbox: new Sandbox(whole, flags.stateFolder, cgroup), network }
    } catch (error) {
      // The namespace is free once nothing can be in it any more.
      const made = cgroup
      if (made) processors.made(made)
      void this.#context.reaper
        .remove(id, async () => made?.remove())
        .then(
          () => network?.release(),
          () => {},
        )
      const why = (error as Error).message
      throw new ManagerError('ENGINE_FAILED', `executor ${id}: ${why}`, { cause: error })
    }
  }

  /** Leases a network namespace; null where sandboxes have no network. */
  async #acquireNetwork(): Promise<NetworkLease | null> {
    const { network, stopping } = this.#context
    stopping.throwIfAborted()
    if (!network) return null
    const acquired = network.acquire()
    try {
      return await unlessAborted(acquired, stopping)
    } catch (error) {
      // The lease may arrive after the manager has stopped: give it back.
      void acquired.then(
        (lease) => lease.release(),
        () => {},
      )
      throw error
    }
  }

  #flags(id: string, hasNetwork: boolean): RunscFlags {
    const { setting, owner } = this.#context
    const stateFolder = path.join(owner.runFolder, id)
    const { hasRootImage, hasWritableRoot = false } = this.#bundle
    return { ...setting, stateFolder, hasNetwork, hasRootImage, hasWritableRoot }
  }
}

function writeBundle(folder: string, spec: object): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(spec))
  return folder
}
