/** The templates of sessions: the runtimes, and the templates of the project and of the operator. */
import path from 'node:path'
import type { Logger } from 'pino'
import { type Config, limitsOf } from './config.ts'
import type { RunscEngine } from './engine/runsc/engine.ts'
import type { Installation } from './engine/runsc/installation.ts'
import type { KeptSandboxes, SandboxTemplates } from './sessions/engine.ts'
import { supervisorPaths } from './setup/supervisor.ts'
import {
  type BuildSite,
  type BuiltTemplate,
  ensureTemplate,
  findBuilt,
  ownExecutors,
} from './templates/build.ts'
import { limitsOfTemplate, type Template } from './templates/definition.ts'
import type { DescribedTemplates } from './templates/described.ts'
import { WORKSPACE } from './workspace-build.ts'

/** Finds and builds the templates of sessions, and makes their sandboxes. */
export class SessionTemplates implements SandboxTemplates {
  readonly #config: Config
  readonly #log: Logger
  readonly #engine: RunscEngine
  readonly #site: BuildSite
  readonly #described: DescribedTemplates
  readonly #runtimes = new Map<string, KeptSandboxes>()
  /** By the mark of ownExecutors(), so that one that was built anew has another. */
  readonly #built = new Map<string, KeptSandboxes>()
  readonly #building = new Map<string, Promise<KeptSandboxes>>()
  /** What a template was found to be, by its name, as long as no file of it changes. */
  readonly #found = new Map<string, { fingerprint: string; sandboxes: KeptSandboxes }>()

  constructor(
    config: Config,
    log: Logger,
    engine: RunscEngine,
    installation: Installation,
    described: DescribedTemplates,
  ) {
    const { home, projectDir } = config
    const programs = supervisorPaths(home, path.join(projectDir, 'runtimes'))
    this.#config = config
    this.#log = log
    this.#engine = engine
    this.#site = { home, installation, programs }
    this.#described = described
    for (const installed of installation.runtimes) {
      const limits = limitsOf(config, installed.runtime.limits)
      this.#runtimes.set(installed.runtime.name, engine.sessionsFor(installed, limits))
    }
  }

  names(): string[] {
    return [...this.#runtimes.keys(), ...this.#described.names()]
  }

  preferred(): string {
    const isBuilt = [...this.#built.keys()].some((mark) => mark.startsWith(`${WORKSPACE}.`))
    if (isBuilt) return WORKSPACE
    return this.#runtimes.has('python') ? 'python' : ([...this.#runtimes.keys()][0] ?? WORKSPACE)
  }

  async find(name: string): Promise<KeptSandboxes | null> {
    const ofRuntime = this.#runtimes.get(name)
    if (ofRuntime) return ofRuntime
    if (!this.#described.names().includes(name)) return null
    const fingerprint = this.#described.fingerprint(name)
    const found = this.#found.get(name)
    if (found?.fingerprint === fingerprint) return found.sandboxes
    const sandboxes = await this.#findAnew(name)
    this.#found.set(name, { fingerprint, sandboxes })
    return sandboxes
  }

  #findAnew(name: string): Promise<KeptSandboxes> {
    const template = this.#described.load(name)
    const built = findBuilt(template, this.#site)
    if (built) return this.#serve(built)
    const building = this.#building.get(name) ?? this.#build(template)
    this.#building.set(name, building)
    return building.finally(() => this.#building.delete(name))
  }

  ofKey(key: string): KeptSandboxes | null {
    const isIt = (sandboxes: KeptSandboxes) => sandboxes.key === key
    return [...this.#runtimes.values(), ...this.#built.values()].find(isIt) ?? null
  }

  /** Offers those that are built, for sessions that an earlier manager left on disk. */
  async open(): Promise<void> {
    for (const template of this.#described.valid()) {
      try {
        const built = findBuilt(template, this.#site)
        if (built) await this.#serve(built)
      } catch (err) {
        this.#log.error({ template: template.name, err }, 'template not served to sessions')
      }
    }
  }

  async #build(template: Template): Promise<KeptSandboxes> {
    const { name } = template
    const began = performance.now()
    this.#log.info({ template: name }, 'building a template for sessions')
    const progress = (step: string) => this.#log.debug({ template: name }, step)
    const built = await ensureTemplate(template, this.#site, this.#engine, progress)
    const seconds = Math.round((performance.now() - began) / 1000)
    this.#log.info({ template: name, seconds }, 'template ready for sessions')
    return this.#serve(built)
  }

  async #serve(built: BuiltTemplate): Promise<KeptSandboxes> {
    const own = ownExecutors(built)
    const mark = own.runtime.name
    const there = this.#built.get(mark)
    if (there) return there
    await this.#engine.hold(built.installed)
    const limits = limitsOf(this.#config, limitsOfTemplate(built.template))
    const { session } = built.template
    const others = this.#site.installation.runtimes.filter(({ runtime }) =>
      session?.languages.includes(runtime.name),
    )
    const shape = { hasRoot: session?.root ?? false, others }
    const sandboxes = this.#engine.sessionsFor(own, limits, shape)
    this.#built.set(mark, sandboxes)
    return sandboxes
  }
}
