import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RunOptions } from '../../run/types.ts'
import { refusalOf } from '../session-work.ts'
import { admit } from '../v1/admit.ts'
import { problemOf } from '../v1/problems.ts'
import { NO_ARGUMENTS } from '../v1/read-run.ts'
import { tellOutcome, tellProblem } from '../v1/tell.ts'
import { type JupyterDoor, type JupyterOptions, kernelIn, specNamed } from './door.ts'
import { toldKept } from './kept-kernels.ts'
import { type Kernel, OneRunKernel } from './kernel.ts'
import type { OwnedKernel } from './kernels.ts'
import { drop, isUnnamed, readAsked } from './requests.ts'
import { type KernelSpec, toldSpec } from './specs.ts'

const config = { hasQueryKey: true }

/** Adds `/api/kernels` and `/api/kernelspecs`. */
export function addKernelRoutes(
  app: FastifyInstance,
  at: string,
  door: JupyterDoor,
  options: JupyterOptions,
): void {
  const { specs, oneRun, kept: keeps } = door
  app.get(at, { config }, async () => ({ version: '2.17.0' }))
  app.get(`${at}/kernelspecs`, { config }, async () => {
    const told = [...specs.values()].map((spec) => [spec.name, toldSpec(spec)])
    return { default: [...specs.keys()][0], kernelspecs: Object.fromEntries(told) }
  })
  app.get(`${at}/kernelspecs/:name`, { config }, async ({ params }) => {
    return toldSpec(specNamed(specs, (params as { name: string }).name))
  })
  app.get(`${at}/kernels`, { config }, async ({ caller }) => [
    ...oneRun.of(caller).map(modelOf),
    ...(keeps?.of(caller).map(toldKept) ?? []),
  ])
  // Programs of kernels without state are counted by their kernels.
  app.post(`${at}/kernels`, { config: { ...config, rateLimit: {} } }, async (request, reply) => {
    const isOneRun = isUnnamed(request)
    const { name, env } = readAsked(request)
    const spec = specNamed(specs, name)
    reply.code(201)
    if (keeps && !isOneRun) {
      const kept = await keeps.start(request.caller, { spec, env, metadata: {}, id: null })
      return reply.header('location', `${at}/kernels/${kept.id}`).send(toldKept(kept))
    }
    const kernel = newKernel(spec, request, options)
    const model = modelOf(oneRun.add(request.caller, kernel))
    return reply.header('location', `${at}/kernels/${kernel.id}`).send(model)
  })
  app.get(`${at}/kernels/:id`, { config }, async (request) => {
    const { owned, kept } = kernelIn(door, request)
    return kept ? toldKept(kept) : modelOf(owned)
  })
  app.delete(`${at}/kernels/:id`, { config }, async (request, reply) => {
    const { owned, kept } = kernelIn(door, request)
    if (kept) await keeps?.delete(kept)
    else oneRun.delete(owned)
    return reply.code(204).send()
  })
  app.post(`${at}/kernels/:id/interrupt`, { config }, async (request, reply) => {
    drop(request)
    const { owned, kept } = kernelIn(door, request)
    if (kept) await kept.kernel.interrupt().catch(refuse)
    else owned.kernel.interrupt()
    return reply.code(204).send()
  })
  const restart = { config: { ...config, rateLimit: {} } }
  app.post(`${at}/kernels/:id/restart`, restart, async (request) => {
    drop(request)
    const { owned, kept } = kernelIn(door, request)
    if (kept) return toldKept((await keeps?.restart(kept).catch(refuse)) ?? kept)
    owned.kernel.restart()
    return modelOf(owned)
  })
}

function newKernel(spec: KernelSpec, request: FastifyRequest, options: JupyterOptions): Kernel {
  const { template } = spec
  const mode = template.modes.includes('cell') ? ('cell' as const) : ('script' as const)
  return new OneRunKernel(randomUUID(), spec.name, async (code: Buffer, run: RunOptions) => {
    const fields = { template: template.name, mode, argv: [], env: {}, limits: {} }
    const input = { fields, code, argumentsJson: NO_ARGUMENTS, stdin: null, files: [], at: '' }
    const asked = admit(input, options.templates, request.caller, randomUUID())
    try {
      const outcome = await options.runs.start(asked, run)
      tellOutcome(request, asked, outcome, options)
      return outcome
    } catch (error) {
      const { problem } = problemOf(error as Error)
      tellProblem(request, asked, problem, error as Error, options)
      throw error
    }
  })
}

function modelOf({ kernel, lastActivity, channels }: OwnedKernel) {
  return {
    id: kernel.id,
    name: kernel.name,
    last_activity: lastActivity.toISOString(),
    execution_state: kernel.isBusy ? 'busy' : kernel.executions > 0 ? 'idle' : 'starting',
    connections: channels.size,
  }
}

function refuse(error: Error): never {
  throw refusalOf(error)
}
