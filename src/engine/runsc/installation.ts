import type { Runtime } from '../../runtimes/definition.ts'
import type { Capabilities } from './capabilities.ts'
import type { Sidecars } from './sidecars.ts'

/** A runsc that can be used: where it is, and what it can do. */
export type Runsc = {
  runscPath: string
  runscVersion: string
  capabilities: Capabilities
  sidecars: Sidecars | null
}

/** What the sandboxes of one language are started from. */
export type InstalledRuntime = {
  runtime: Runtime
  rootfs: string
  /** The same as one EROFS file, which needs no gofer; null: it is served from the folder. */
  rootImage: string | null
  imageHash: string
  /** The guest folder as seen in the image. */
  guestPath: string
  guestHash: string
  /** False: its sandboxes have no network, whatever the others have. */
  mayConnect?: boolean
}

/** Everything that the engine needs on this machine. The set-up makes it. */
export type Installation = Runsc & { runtimes: InstalledRuntime[] }
