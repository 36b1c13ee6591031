import { createHash } from 'node:crypto'
import path from 'node:path'
import { ManagerError } from '../../errors.ts'
import { scaledMs } from '../../lib/time-scale.ts'
import { MIB } from '../../lib/units.ts'
import type { RunLimits } from '../../run/types.ts'
import type { Kernels } from '../../sessions/context-types.ts'
import type { KeptSandbox, KeptSandboxes, SandboxLimits } from '../../sessions/engine.ts'
import { canBeSetLater } from '../../sessions/limits.ts'
import { SESSION_HOME, SESSION_USER } from '../../sessions/user.ts'
import type { Channels } from '../../supervisor/channels.ts'
import { snapshotFlags } from './command.ts'
import type { EngineContext } from './engine-context.ts'
import type { InstalledRuntime } from './installation.ts'
import { type Launched, Launcher, type OwnSpec } from './launcher.ts'
import { kernelsOf } from './session-kernels.ts'
import { SessionSandbox } from './session-sandbox.ts'
import { sandboxSpec } from './spec.ts'

/** A cold boot takes 0.2 s of one processor, and longer on a busy machine. */
const BOOT_TIMEOUT_MS = scaledMs(60_000)

/** What a session may use. */
export type SessionLimits = Pick<
  RunLimits,
  'memoryBytes' | 'cpus' | 'processes' | 'openFiles' | 'workspaceBytes'
>

/** More than gVisor's kernel takes for itself in a sandbox. */
const KERNEL_BYTES = 512 * MIB

/** What a template of sessions has beside its image. */
export interface SessionShape {
  /** Whether callers may be root inside; false by default. */
  readonly hasRoot?: boolean
  /** Further runtimes whose guests are in the image. */
  readonly others?: readonly InstalledRuntime[]
}

/** Makes the sandboxes of sessions of one template. */
export class SessionFactory implements KeptSandboxes {
  readonly key: string
  readonly kernels: Kernels
  readonly limits: SessionLimits
  readonly offline: SessionFactory
  readonly #context: EngineContext
  readonly #launcher: Launcher
  readonly #specFor: (limits: SessionLimits) => object

  constructor(
    context: EngineContext,
    installed: InstalledRuntime,
    limits: RunLimits,
    shape: SessionShape,
    name = 'session',
  ) {
    const { hasRoot = false, others = [] } = shape
    const hasRootImage = installed.rootImage !== null
    const specFor = (hasNetwork: boolean, its: SessionLimits = limits) =>
      specOf(installed, its, hasNetwork, hasRoot)
    this.#specFor = (its) => specFor(context.network !== null, its)
    this.#context = context
    this.limits = limits
    const without = { ...context, network: null }
    this.offline = context.network
      ? new SessionFactory(without, installed, limits, shape, 'session-offline')
      : this
    this.kernels = kernelsOf([installed, ...others], limits)
    this.#launcher = new Launcher(context, {
      name: `${name}-${installed.runtime.name}`,
      spec: specFor(context.network !== null),
      hasRootImage,
      hasWritableRoot: hasRoot,
      makingBytes: limits.memoryBytes + KERNEL_BYTES,
      // root's processes are counted by themselves.
      processes: hasRoot ? 2 * limits.processes : limits.processes,
    })
    const facts = [
      context.runscVersion,
      context.sidecars?.files ?? [],
      snapshotFlags(context.setting, hasRootImage, hasRoot),
      installed.imageHash,
      installed.guestHash,
      specFor(false),
    ]
    this.key = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16)
  }

  async create(isAwaited = true, limits: SandboxLimits = this.limits): Promise<KeptSandbox> {
    const pace = isAwaited ? 'urgent' : 'ahead'
    const launched = await this.#launcher.boot(true, pace, this.#ownSpec(limits))
    return this.#begun(launched, limits, null, null, isAwaited)
  }

  async restore(
    folder: string,
    channels: Channels,
    baseBytes: number,
    limits: SandboxLimits = this.limits,
  ): Promise<KeptSandbox> {
    const launched = await this.#launcher.restore(folder, 'urgent', this.#ownSpec(limits))
    return this.#begun(launched, limits, channels, baseBytes, true)
  }

  /** What a sandbox is made from whose limits cannot be set later; null: what all others are. */
  #ownSpec(limits: SandboxLimits): OwnSpec {
    return canBeSetLater(limits, this.limits)
      ? null
      : () => this.#specFor({ ...this.limits, ...limits })
  }

  async #begun(
    launched: Launched,
    limits: SandboxLimits,
    channels: Channels | null,
    baseBytes: number | null,
    isAwaited: boolean,
  ): Promise<KeptSandbox> {
    const sandbox = new SessionSandbox(launched, this.#launcher, channels, this.#context)
    const timer = setTimeout(() => launched.sandbox.kill(), BOOT_TIMEOUT_MS)
    try {
      await sandbox.begin(limits, baseBytes)
      if (isAwaited) sandbox.rank()
      return sandbox
    } catch (error) {
      const why = `${(error as Error).message} ${sandbox.errors}`.trim()
      await this.#launcher.remove(sandbox)
      const what = `the sandbox ${sandbox.id} of a session did not become ready`
      throw new ManagerError('ENGINE_FAILED', `${what}: ${why}`, { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }
}

function specOf(
  { runtime, rootfs, rootImage, guestPath }: InstalledRuntime,
  limits: SessionLimits,
  hasNetwork: boolean,
  hasRoot: boolean,
): object {
  const supervisor = [`${guestPath}/session`, SESSION_HOME]
  return sandboxSpec({
    rootfs,
    rootImage,
    hasNetwork,
    args: hasRoot ? [`${guestPath}/sudo`, '--serve', ...supervisor] : supervisor,
    hasRoot,
    ...(hasRoot && { tmpBytes: limits.workspaceBytes }),
    env: runtime.env,
    uid: SESSION_USER.uid,
    // Its parent is in every image.
    workspace: path.dirname(SESSION_HOME),
    workspaceBytes: limits.workspaceBytes,
    processes: limits.processes,
    openFiles: limits.openFiles,
  })
}
