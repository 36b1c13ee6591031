import type { FastifyRequest } from 'fastify'
import type { Sessions } from '../../sessions/types.ts'
import type { Budget } from '../accounts.ts'
import type { Answers } from '../answers.ts'
import type { Connections } from '../connections.ts'
import type { ParsingThread } from '../parsing-thread.ts'
import { Refused } from '../refused.ts'
import type { Uploads } from '../uploads.ts'
import type { NativeService } from '../v1/service.ts'
import type { Kept, KeptKernels } from './kept-kernels.ts'
import type { Kernels, OwnedKernel } from './kernels.ts'
import type { KernelSpec } from './specs.ts'

export interface JupyterOptions {
  readonly runs: NativeService['runs']
  readonly templates: NativeService['templates']
  readonly metrics: NativeService['metrics']
  /** Null: no kernel keeps its state. */
  readonly sessions: Sessions | null
  readonly answers: Answers
  readonly connections: Connections
  readonly parsing: ParsingThread
  readonly uploads: Uploads
  /** Frames on their way in. */
  readonly frames: Budget
  /** Kernels. */
  readonly kept: Budget
}

/** What the routes of this door share. */
export interface JupyterDoor {
  readonly specs: ReadonlyMap<string, KernelSpec>
  readonly oneRun: Kernels
  readonly kept: KeptKernels | null
}

/** Returns the id in a request's path. */
export const idIn = ({ params }: FastifyRequest) => (params as { id: string }).id

type Found =
  | { readonly owned: OwnedKernel; readonly kept: null }
  | { readonly owned: null; readonly kept: Kept }

/**
 * Finds a kernel of the caller's.
 * @throws Refused when there is none
 */
export function kernelIn(
  { oneRun, kept: keeps }: JupyterDoor,
  request: FastifyRequest,
  id = idIn(request),
): Found {
  const owned = oneRun.get(request.caller, id)
  if (owned) {
    oneRun.touch(owned)
    return { owned, kept: null }
  }
  const kept = keeps?.get(request.caller, id)
  if (kept) return { owned: null, kept }
  throw new Refused(404, `Kernel does not exist: ${id.slice(0, 100)}`)
}

/**
 * Finds what a kernel is started by.
 * @param name null: the client leaves it to the server
 * @throws Refused when there is none
 */
export function specNamed(specs: ReadonlyMap<string, KernelSpec>, name: string | null): KernelSpec {
  const spec = specs.get(name ?? ([...specs.keys()][0] as string))
  if (spec) return spec
  throw new Refused(404, `No such kernel named ${(name ?? '').slice(0, 100)}`)
}
