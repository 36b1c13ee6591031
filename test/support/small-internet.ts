import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { projectDir } from '../../src/config.ts'

/** What the service's namespace is reached at from here, and what it has towards the internet. */
const SERVICE_ADDRESS = '198.51.100.2'
const SERVICE_OUTSIDE_ADDRESS = '203.0.113.2'

/** Web servers answer at all of them; the second half a sandbox must never reach. */
export const PUBLIC = ['203.0.113.10', '203.0.113.11']
export const NEVER = ['10.1.2.3', '172.16.0.1', '192.168.7.7', '100.64.0.1', '169.254.169.254']

const NAME_SERVER = '203.0.113.53'
const ZONE = {
  'github.com': ['203.0.113.10'],
  'web.example.org': ['203.0.113.10'],
  'other.example.org': ['203.0.113.11'],
  'inside.example.org': ['10.1.2.3'],
}

/**
 * An internet of its own, on this machine, in two network namespaces: one that the service is started
 * in, and one with web servers and a name server, which is also the router to everywhere. No packet
 * leaves them.
 *
 *     test ── 198.51.100.0/30 ── service ── 203.0.113.0/24 ── internet
 */
export class SmallInternet {
  readonly serviceAddress = SERVICE_ADDRESS
  readonly serviceOutsideAddress = SERVICE_OUTSIDE_ADDRESS
  readonly #service = `em-service-${process.pid}`
  readonly #internet = `em-internet-${process.pid}`
  readonly #device = `emt${process.pid}`
  readonly #logFile = `/tmp/em-internet-${process.pid}.log`
  #servers: ChildProcess | null = null

  /** What starts a command in the service's network namespace. */
  get through(): string[] {
    return ['nsenter', `--net=/run/netns/${this.#service}`, '--']
  }

  /** For the service: a network, and the name server of this internet. */
  get settings(): Record<string, string> {
    return {
      SANDBOX_NETWORK: 'egress',
      SANDBOX_EGRESS_DNS: NAME_SERVER,
      EXECUTOR_MANAGER_HOST: SERVICE_ADDRESS,
      SANDBOX_EXECUTOR_MANAGER_ALLOW_UNAUTHENTICATED: 'true',
      SANDBOX_EXECUTOR_MANAGER_PORT: '9385',
    }
  }

  async open(): Promise<void> {
    removeRemains()
    const [service, internet] = [this.#service, this.#internet]
    const outside = [...PUBLIC, NAME_SERVER, '203.0.113.1']
    ip(
      `netns add ${service}`,
      `netns add ${internet}`,
      `link add ${this.#device} type veth peer name inside netns ${service}`,
      `address add 198.51.100.1/30 dev ${this.#device}`,
      `link set ${this.#device} up`,
    )
    ip(
      `-n ${service} link set lo up`,
      `-n ${service} address add ${SERVICE_ADDRESS}/30 dev inside`,
      `-n ${service} link set inside up`,
      `-n ${service} link add outside type veth peer name outside netns ${internet}`,
      `-n ${service} address add ${SERVICE_OUTSIDE_ADDRESS}/24 dev outside`,
      `-n ${service} link set outside up`,
      `-n ${internet} link set lo up`,
      ...outside.map((address) => `-n ${internet} address add ${address}/24 dev outside`),
      ...NEVER.map((address) => `-n ${internet} address add ${address}/32 dev lo`),
      `-n ${internet} link set outside up`,
      `-n ${service} route add default via 203.0.113.1`,
    )
    await this.#serve()
  }

  /** What the servers were asked, by line: `name NAME` and `web ADDRESS PATH`. */
  get log(): string {
    return readFileSync(this.#logFile, 'utf8')
  }

  /** What a request from the service's namespace itself, with no sandbox round it, is answered. */
  get(url: string): string {
    const program = `fetch(${JSON.stringify(url)}).then((r) => r.text()).then(console.log)`
    return this.#inside(process.execPath, '-e', program)
  }

  /** Of the service's namespace: what it has of links and filters. */
  traces(): { links: string[]; tables: string[] } {
    const links = this.#inside('ip', '-brief', 'link').match(/^em\d+x\d+/gm) ?? []
    const tables = this.#inside('nft', 'list', 'tables').match(/executor_manager_\w+/g) ?? []
    return { links, tables }
  }

  #inside(...words: string[]): string {
    return execFileSync('nsenter', [...this.through.slice(1), ...words], { encoding: 'utf8' })
  }

  async close(): Promise<void> {
    const servers = this.#servers
    if (servers?.exitCode === null) {
      servers.kill('SIGKILL')
      await once(servers, 'close')
    }
    for (const name of [this.#service, this.#internet]) {
      try {
        ip(`netns delete ${name}`)
      } catch {
        // It was not made.
      }
    }
    rmSync(this.#logFile, { force: true })
  }

  async #serve(): Promise<void> {
    writeFileSync(this.#logFile, '')
    const program = path.join(projectDir(), 'test/support/internet-servers.mjs')
    const zone = JSON.stringify(ZONE)
    const words = [`--net=/run/netns/${this.#internet}`, process.execPath, program]
    this.#servers = spawn('nsenter', [...words, NAME_SERVER, zone, this.#logFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(this.#servers.stdout as NodeJS.ReadableStream, 'data')
  }
}

/** Removes the namespaces that a killed run of these tests left: they have the same addresses. */
function removeRemains(): void {
  const folder = '/run/netns'
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const pid = /^em-(?:service|internet)-(\d+)$/.exec(name)?.[1]
    if (pid && !existsSync(`/proc/${pid}`)) ip(`netns delete ${name}`)
  }
}

/** Each is one call of ip(8): in its batch mode it cannot change namespaces. */
function ip(...commands: string[]): void {
  for (const command of commands) execFileSync('ip', command.split(' '))
}
