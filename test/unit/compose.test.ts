import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { projectDir, readConfig } from '../../src/config.ts'
import { type ComposeService, readCompose, withDefaults } from '../support/compose.ts'

/** The compose files are what the Compose Specification allows, and ask for no more than the documents say. */

const NAME = 'sandbox-executor-manager'
const FILES = [
  { file: 'deploy/compose.yaml', name: NAME, port: 9385 },
  { file: 'deploy/compose.ragflow.yaml', name: NAME, port: 9385 },
  { file: 'deploy/compose.dify.yaml', name: 'sandbox', port: 8194 },
]
const CONTAINERS = readFileSync(path.join(projectDir(), 'docs/containers.md'), 'utf8')

const service = (file: string, name = NAME) => readCompose(file).services[name] as ComposeService

/** Capabilities in the table of docs/containers.md. */
const DOCUMENTED = [...CONTAINERS.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name)

describe.each(FILES)('$file', ({ file, name, port }) => {
  test('is a compose file, and every volume that it uses is declared', () => {
    const { volumes } = readCompose(file)
    expect(service(file, name).volumes.map((mount) => mount.split(':')[0])).toEqual(
      Object.keys(volumes),
    )
  })

  test('asks for no privilege, no socket, and the documented capabilities', () => {
    const { privileged, cap_add, cap_drop, volumes, read_only } = service(file, name)
    expect(privileged ?? false).toBe(false)
    expect(cap_drop).toEqual(['ALL'])
    expect(cap_add).toEqual(DOCUMENTED)
    expect(read_only).toBe(true)
    expect(volumes.join()).not.toMatch(/docker\.sock|\/sys|\/proc/)
  })

  test('its settings are settings, and its defaults start', () => {
    const asked = new Set<string>()
    const env = Object.fromEntries(
      Object.entries(service(file, name).environment).map(([key, value]) => [
        key,
        withDefaults(value),
      ]),
    )
    const watched = new Proxy(
      { ...env, EXECUTOR_MANAGER_HOST: '0.0.0.0' },
      {
        get: (target, name) => {
          asked.add(String(name))
          return Reflect.get(target, name)
        },
      },
    )
    expect(readConfig(watched)).toMatchObject({ port, host: '0.0.0.0' })
    expect([...asked]).toEqual(expect.arrayContaining(Object.keys(env)))
  })
})

/**
 * What RAGFlow's own compose file says of the service (docker/docker-compose-base.yml of August 2026),
 * as far as the override has to change it.
 */
const RAGFLOW = {
  privileged: true,
  ports: ['9385:9385'],
  volumes: ['/var/run/docker.sock:/var/run/docker.sock'],
  networks: ['ragflow'],
  security_opt: ['no-new-privileges:true'],
  healthcheck: { test: ['CMD', 'curl', 'http://localhost:9385/healthz'], retries: 120 },
}

/** What Dify's own compose file says of its sandbox (docker/docker-compose.yaml of October 2026). */
const DIFY = {
  image: 'langgenius/dify-sandbox:0.2.15',
  restart: 'always',
  environment: { API_KEY: 'dify-sandbox', SANDBOX_PORT: '8194', WORKER_TIMEOUT: '15' },
  volumes: ['./volumes/sandbox/dependencies:/dependencies', './volumes/sandbox/conf:/conf'],
  networks: ['ssrf_proxy_network'],
  healthcheck: { test: ['CMD', 'curl', '-f', 'http://localhost:8194/health'] },
}

test("over RAGFlow's own file nothing is left of its privileges", () => {
  const merged = mergedOver(RAGFLOW, 'deploy/compose.ragflow.yaml', NAME)
  expect(merged.privileged).toBe(false)
  expect(merged.networks).toEqual(['ragflow'])
  expect(merged.security_opt).toEqual(service('deploy/compose.yaml').security_opt.toReversed())
  expect(JSON.stringify(merged)).not.toMatch(/docker\.sock|curl/)
  expect(merged.ports).toHaveLength(1)
  expect(String(merged.ports)).toMatch(/:9385$/)
})

test("over Dify's own file it stays on its network, is asked for its health, and publishes nothing", () => {
  const merged = mergedOver(DIFY, 'deploy/compose.dify.yaml', 'sandbox')
  expect(merged.networks).toEqual(['ssrf_proxy_network'])
  expect(merged.ports).toBeUndefined()
  expect(merged.volumes).toHaveLength(1)
  expect(JSON.stringify(merged)).not.toMatch(/curl|dify-sandbox:/)
  expect(merged.environment).toMatchObject({ SANDBOX_EXECUTOR_MANAGER_PORT: '8194' })
})

/** As Compose merges: it adds sequences, unless the tag says otherwise, and merges mappings. */
function mergedOver(base: object, file: string, name: string): Record<string, unknown> {
  const text = readFileSync(path.join(projectDir(), file), 'utf8')
  const override = service(file, name) as unknown as Record<string, unknown>
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(override)) {
    const before = merged[key]
    const replaces = new RegExp(`^    ${key}: !override$`, 'm').test(text)
    if (Array.isArray(before) && Array.isArray(value) && !replaces) {
      merged[key] = [...before, ...value]
    } else if (isMapping(before) && isMapping(value)) merged[key] = { ...before, ...value }
    else merged[key] = value
  }
  return merged
}

test("the pod of docs/containers.md has the compose file's capabilities", () => {
  const text = /```yaml\n(apiVersion: v1\nkind: Pod\n[\s\S]*?)```/.exec(CONTAINERS)?.[1] ?? ''
  const pod = parse(text) as { spec: { containers: [{ securityContext: object }] } }
  expect(pod.spec.containers[0].securityContext).toMatchObject({
    privileged: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], add: service('deploy/compose.yaml').cap_add },
  })
})

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
