/** Builds templates from the command line, in a process of its own: an engine without a service. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, limitsOf } from '../config.ts'
import { RunscEngine } from '../engine/runsc/engine.ts'
import type { EngineEvents } from '../engine/runsc/engine-context.ts'
import type { Platform } from '../engine/runsc/platform.ts'
import { ManagerError } from '../errors.ts'
import { killRunning } from '../lib/exec.ts'
import type { Progress } from '../lib/progress.ts'
import { loadPolicies } from '../runtimes/code-policy.ts'
import { type BuildSite, type BuiltTemplate, ensureTemplate, ownExecutors } from './build.ts'
import { limitsOfTemplate, type Template } from './definition.ts'

/** A service looks at this file to learn that there is something new. */
const STAMP = 'templates.stamp'

/** Returns the path of the file whose time tells when templates were built last. */
export function stampFile(home: string): string {
  return join(home, STAMP)
}

/** Tells every service on this data folder that a template was built or removed. */
export function touchStamp(home: string): void {
  const file = stampFile(home)
  mkdirSync(home, { recursive: true })
  writeFileSync(file, '', { flag: 'a' })
  utimesSync(file, new Date(), new Date())
}

/** Builds templates, each with its snapshot. */
export class TemplateBuilder {
  readonly #config: Config
  readonly #site: BuildSite
  readonly #engine: RunscEngine
  #failure: Error | null = null

  private constructor(config: Config, site: BuildSite, engine: RunscEngine) {
    this.#config = config
    this.#site = site
    this.#engine = engine
  }

  /** @throws ManagerError SETUP_FAILED */
  static async open(config: Config, site: BuildSite, platform: Platform): Promise<TemplateBuilder> {
    const ignore = () => {}
    const events: EngineEvents = {
      snapshotBuilding: ignore,
      snapshotReady: ignore,
      restored: ignore,
      restoreFailed: ignore,
      coldBooted: ignore,
      coldFallback: (_runtime, error) => {
        builder.#failure = error
      },
      sweepFailed: ignore,
      renewalFailed: ignore,
      notRemoved: ignore,
      remains: ignore,
      connectionsRefused: ignore,
    }
    const home = config.snapshots ? config.home : null
    const demand = { isShort: () => false }
    const { installation } = site
    const engine = await RunscEngine.open(installation, platform, home, null, events, demand)
    const builder: TemplateBuilder = new TemplateBuilder(config, site, engine)
    return builder
  }

  /**
   * Builds a template and tries it out, with what is there already.
   * @throws ManagerError BUILD_FAILED that says what of the template failed and why
   */
  async build(template: Template, progress: Progress): Promise<BuiltTemplate> {
    const built = await ensureTemplate(template, this.#site, this.#engine, progress)
    if (!template.session) {
      progress(`${template.name}: making a snapshot`)
      await tryOut(built, this.#config, this.#engine, () => this.#failure)
    }
    touchStamp(this.#site.home)
    progress(`${template.name}: ready`, 100)
    return built
  }

  /** Has the build that is under way fail. */
  giveUp(): void {
    this.#engine.stopMaking()
    killRunning()
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}

async function tryOut(
  built: BuiltTemplate,
  config: Config,
  engine: RunscEngine,
  failure: () => Error | null,
): Promise<void> {
  const { template } = built
  const limits = limitsOf(config, limitsOfTemplate(template))
  const policies = loadPolicies([template.base], config.codePolicy, null)
  const maker = engine.makerFor(
    ownExecutors(built),
    limits,
    policies.get(template.base.name) ?? null,
  )
  await maker.prepare()
  const error = failure()
  if (error) {
    const why = `its executors do not start: ${error.message}`
    throw new ManagerError('BUILD_FAILED', `${template.name}: ${why}`, { cause: error })
  }
}
