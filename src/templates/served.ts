/**
 * The operator's templates that a service serves. Those that are built are there from the start; those that changed
 * are built in the background. Afterwards it looks every second at a file that `template build` touches: that needs
 * no right and no process id, and works from another container that shares the data folder.
 */
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { OfferedTemplate } from '../api/v1/service.ts'
import { type Config, limitsOf } from '../config.ts'
import type { Template as ServedTemplate } from '../dispatch/local-runs.ts'
import { ownPool } from '../dispatch/placing.ts'
import type { RunscEngine } from '../engine/runsc/engine.ts'
import type { ExecutorMaker } from '../engine/runsc/executor-maker.ts'
import type { Installation, InstalledRuntime } from '../engine/runsc/installation.ts'
import { ManagerError } from '../errors.ts'
import type { Pool } from '../pool/pool.ts'
import type { Pools } from '../pool/pools.ts'
import type { RunLimits } from '../run/types.ts'
import { offeredTemplateOf, templateOf } from '../runtime-templates.ts'
import { supervisorPaths } from '../setup/supervisor.ts'
import {
  type BuildSite,
  type BuiltTemplate,
  ensureTemplate,
  findBuilt,
  ownExecutors,
} from './build.ts'
import { stampFile } from './builder.ts'
import { limitsOfTemplate, type Template, templateFolders } from './definition.ts'
import { DescribedTemplates } from './described.ts'

const LOOK_MS = 1000
const QUEUE_REVIEW_MS = 100

/** What a service lends for its templates. */
export interface TemplateHost {
  readonly config: Config
  readonly log: Logger
  readonly engine: RunscEngine
  readonly installation: Installation
  /** Rules for the inspection of code, by runtime. */
  readonly policies: ReadonlyMap<string, Buffer>
  readonly pools: Pools
  readonly scheduler: { queuedFor(pool: string): number }
  /** Where runs find a template by its name. */
  readonly templates: Map<string, ServedTemplate>
  /** What callers are told of. */
  readonly offered: OfferedTemplate[]
  addPool(
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null,
    sizes: { size: number },
  ): { maker: ExecutorMaker; pool: Pool }
}

interface Serving {
  /** As ownExecutors() names it. */
  readonly mark: string
  readonly pools: readonly { name: string; maker: ExecutorMaker; pool: Pool }[]
  readonly letGo: () => void
}

/** Serves the templates that are built, and takes in those that are built while it runs. */
export class ServedTemplates {
  readonly described: DescribedTemplates
  readonly #host: TemplateHost
  readonly #site: BuildSite
  readonly #serving = new Map<string, Serving>()
  readonly #stop = new AbortController()
  #isStarted = false
  #seenMs = 0

  constructor(host: TemplateHost) {
    this.#host = host
    const { home, projectDir } = host.config
    const runtimes = host.installation.runtimes.map(({ runtime }) => runtime)
    this.described = new DescribedTemplates(templateFolders(projectDir, home), runtimes, host.log)
    const programs = supervisorPaths(home, path.join(projectDir, 'runtimes'))
    this.#site = { home, installation: host.installation, programs }
  }

  /** Adds those that are built. Starts nothing. */
  async open(): Promise<void> {
    this.#seenMs = stampTime(this.#site.home)
    await this.#serveBuilt()
    this.#isStarted = true
  }

  /** Builds what has changed, in the background, and looks for what other processes build. */
  watch(): void {
    void this.#watch().catch((err) => this.#host.log.error({ err }, 'templates are not watched'))
  }

  stop(): void {
    this.#stop.abort()
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop
    await this.#buildChanged()
    const wait = () => sleep(LOOK_MS, true, { signal, ref: false }).catch(() => false)
    while (await wait()) {
      const changedMs = stampTime(this.#site.home)
      if (changedMs === this.#seenMs) continue
      this.#seenMs = changedMs
      await this.#refresh()
    }
  }

  async #buildChanged(): Promise<void> {
    const { log, engine } = this.#host
    for (const template of this.#described()) {
      if (this.#stop.signal.aborted) return
      if (this.#find(template)) continue
      const { name } = template
      log.info({ template: name }, 'building a template')
      try {
        const progress = (step: string) => log.debug({ template: name }, step)
        await this.#serve(await ensureTemplate(template, this.#site, engine, progress))
        log.info({ template: name }, 'template ready')
      } catch (err) {
        if (this.#stop.signal.aborted) return
        log.error({ template: name, err }, 'template not built: runs cannot name it')
      }
    }
  }

  /** Takes what is new, and lets go of what is described no more. */
  async #refresh(): Promise<void> {
    const described = await this.#serveBuilt()
    for (const name of this.#serving.keys()) {
      if (described.some((template) => template.name === name)) continue
      if (!this.described.names().includes(name)) this.#withdraw(name)
    }
  }

  /** Serves those that are built. @returns all whose description is valid */
  async #serveBuilt(): Promise<Template[]> {
    const described = this.#described()
    for (const template of described) {
      const built = this.#find(template)
      if (!built || this.#stop.signal.aborted) continue
      try {
        await this.#serve(built)
      } catch (err) {
        this.#host.log.error({ template: template.name, err }, 'template not served')
      }
    }
    return described
  }

  /** Those for runs whose description is valid: src/session-templates.ts has those for sessions. */
  #described(): Template[] {
    return this.described.valid().filter(({ session }) => !session)
  }

  #find(template: Template): BuiltTemplate | undefined {
    try {
      return findBuilt(template, this.#site)
    } catch (err) {
      this.#host.log.error({ template: template.name, err }, 'template not served')
      return undefined
    }
  }

  /** Serves a template in place of what it was before. Runs that wait or run go on with that. */
  async #serve({ template, installed }: BuiltTemplate): Promise<void> {
    const { config, log, engine, policies, templates, offered } = this.#host
    const { name, base } = template
    refuseNetwork(template, config)
    const own = ownExecutors({ template, installed })
    const mark = own.runtime.name
    if (this.#serving.get(name)?.mark === mark) return
    const limits = limitsOf(config, limitsOfTemplate(template))
    const policy = policies.get(base.name) ?? null
    const letGo = await engine.hold(installed)
    const { snapshotsPerKey, keys } = config
    const names = snapshotsPerKey
      ? keys.names.map((key) => ownPool(own.runtime.name, key))
      : [own.runtime.name]
    const pools = names.map((pool) => ({
      name: pool,
      ...this.#host.addPool({ ...own, runtime: { ...own.runtime, name: pool } }, limits, policy, {
        size: template.pool,
      }),
    }))
    if (this.#isStarted) {
      await Promise.all(pools.map(({ maker }) => maker.prepare()))
      for (const { pool } of pools) pool.start()
    }
    const former = this.#serving.get(name)
    this.#serving.set(name, { mark, pools, letGo })
    templates.set(
      name,
      templateOf(own.runtime, limits, { ...config, leanExecutors: false }, () => false),
    )
    const egress = template.network === 'none' ? null : config.egress
    const told = offeredTemplateOf({ ...own, runtime: installed.runtime }, limits, { egress })
    const at = offered.findIndex((one) => one.name === name)
    const entry = { ...told, languages: [base.name, ...base.aliases] }
    if (at < 0) offered.push(entry)
    else offered[at] = entry
    if (former) this.#retire(name, former)
    if (this.#isStarted) log.info({ template: name }, 'template served')
  }

  #withdraw(name: string): void {
    const { templates, offered, log } = this.#host
    const former = this.#serving.get(name)
    this.#serving.delete(name)
    templates.delete(name)
    const at = offered.findIndex((one) => one.name === name)
    if (at >= 0) offered.splice(at, 1)
    if (former) this.#retire(name, former)
    log.info({ template: name }, 'template served no more')
  }

  /** Ends the pools of a template that was replaced, once the runs that wait for them have had their turn. */
  #retire(name: string, { pools, letGo }: Serving): void {
    const { scheduler, engine, log } = this.#host
    const { signal } = this.#stop
    const end = async () => {
      for (const { name: poolName, pool, maker } of pools) {
        while (scheduler.queuedFor(poolName) > 0) await sleep(QUEUE_REVIEW_MS, null, { signal })
        await pool.retire()
        this.#host.pools.delete(poolName)
        await engine.drop(maker)
      }
      letGo()
    }
    end().catch((err) => {
      // At the end of the service all pools are closed.
      if (!signal.aborted) log.error({ template: name, err }, 'former template not removed')
    })
  }
}

/** @throws ManagerError TEMPLATE_INVALID */
function refuseNetwork({ name, network }: Template, { egress }: Config): void {
  if (network !== 'egress' || egress) return
  throw new ManagerError(
    'TEMPLATE_INVALID',
    `${name}: network: egress is what the service does not give: set SANDBOX_NETWORK=egress, or leave it out.`,
  )
}

/** When something was built last, by the file's time; 0: never. */
function stampTime(home: string): number {
  const file = stampFile(home)
  return existsSync(file) ? statSync(file).mtimeMs : 0
}
