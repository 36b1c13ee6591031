import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { inject, onTestFinished } from 'vitest'
import { Client } from '../support/client.ts'
import { readCompose, withDefaults } from '../support/compose.ts'
import { HOME_IN_IMAGE } from './data-folder.ts'
import { podman, podmanLogs } from './podman.ts'

/** A container of the built image, with the rights that deploy/compose.yaml gives it and no other. */
export interface Container {
  readonly name: string
  readonly id: string
  readonly client: Client
  /** The output of a shell command in the container. */
  sh(command: string): Promise<string>
  /** What the service has logged. */
  logs(): Promise<string>
  /** By the image's HEALTHCHECK. */
  isHealthy(): Promise<boolean>
  /** Its pid on the host: 0 when it does not run. */
  pid(): Promise<number>
  kill(signal: string): Promise<void>
  /** The exit status, once it has ended. */
  ended(): Promise<number>
}

const SERVICE = 'sandbox-executor-manager'
/** Every question is a process of podman. */
const ASK_EVERY_MS = 300

const service = () => {
  const found = readCompose('deploy/compose.yaml').services[SERVICE]
  if (!found) throw new Error(`deploy/compose.yaml has no ${SERVICE}`)
  return found
}

/** The options of `docker run` that say the same as the compose file. */
export function rights(volume: string): string[] {
  const { cap_add, cap_drop, security_opt, read_only, tmpfs, volumes } = service()
  return [
    ...cap_drop.map((name) => `--cap-drop=${name}`),
    ...cap_add.map((name) => `--cap-add=${name}`),
    ...security_opt.map((option) => `--security-opt=${option}`),
    // Podman would mount more of its own accord than Docker does.
    ...(read_only ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...tmpfs.map((folder) => `--tmpfs=${folder}`),
    ...volumes.map((mount) => `--volume=${mount.replace(/^snapshots:/, `${volume}:`)}`),
  ]
}

/** A new volume for snapshots, removed when the test ends. */
export async function newVolume(): Promise<string> {
  const name = `executor-manager-test-${randomBytes(4).toString('hex')}`
  await podman('volume', 'create', name)
  onTestFinished(async () => void (await podman('volume', 'rm', '--force', name)))
  return name
}

/** Starts a container, removed when the test ends, and waits until it is healthy. */
export async function startContainer(
  volume: string,
  env: Record<string, string> = {},
  options: readonly string[] = [],
): Promise<Container> {
  const container = await launchContainer(volume, env, options)
  await until(async () => {
    if ((await container.pid()) === 0) throw new Error(`it ended: ${await container.logs()}`)
    return container.isHealthy()
  })
  return container
}

async function launchContainer(
  volume: string,
  env: Record<string, string>,
  options: readonly string[],
): Promise<Container> {
  const image = inject('image')
  if (!image) throw new Error('there is no image')
  const name = `executor-manager-test-${randomBytes(4).toString('hex')}`
  const settings = {
    ...service().environment,
    SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '1',
    EXECUTOR_MANAGER_BUILD_WORKSPACE: 'off',
    ...env,
  }
  const variables = Object.entries(settings).map(([key, value]) => `${key}=${withDefaults(value)}`)
  const data = image.data ? [`--volume=${image.data}:${HOME_IN_IMAGE}:ro`] : []
  const id = await podman(
    ...['run', '--detach', '--name', name, ...image.flags, ...data, ...rights(volume), ...options],
    ...['--publish=127.0.0.1::9385', ...variables.map((pair) => `--env=${pair}`), image.name],
  )
  const remove = () => podman('rm', '--force', '--time=1', name)
  // On a busy machine podman fails over a container that ends while it is being killed.
  onTestFinished(async () => void (await remove().catch(remove)))
  const client = new Client()
  client.url = `http://${(await podman('port', name, '9385')).split('\n')[0]}`
  const inspect = (format: string) => podman('inspect', '--format', `{{${format}}}`, name)
  return {
    name,
    id,
    client,
    sh: (command) => podman('exec', name, 'sh', '-c', command),
    logs: () => podmanLogs(name),
    isHealthy: () =>
      podman('healthcheck', 'run', name).then(
        () => true,
        () => false,
      ),
    pid: async () => Number(await inspect('.State.Pid')),
    kill: async (signal) => void (await podman('kill', `--signal=${signal}`, name)),
    ended: async () => {
      await until(async () => (await inspect('.State.Running')) === 'false')
      return Number(await inspect('.State.ExitCode'))
    },
  }
}

/** Waits as long as it takes: the test's own time limit ends it. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(ASK_EVERY_MS)
}
