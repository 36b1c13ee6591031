import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { projectDir, readConfig } from '../../src/config.ts'
import { type ComposeService, readCompose, withDefaults } from '../support/compose.ts'

/** The compose files are what the Compose Specification allows, and ask for no more than the documents say. */

const FILES = ['deploy/compose.yaml', 'deploy/compose.ragflow.yaml']
const NAME = 'sandbox-executor-manager'
const CONTAINERS = readFileSync(path.join(projectDir(), 'docs/containers.md'), 'utf8')

const service = (file: string) => readCompose(file).services[NAME] as ComposeService

/** Capabilities in the table of docs/containers.md. */
const DOCUMENTED = [...CONTAINERS.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name)

describe.each(FILES)('%s', (file) => {
  test('is a compose file, and every volume that it uses is declared', () => {
    const { volumes } = readCompose(file)
    expect(service(file).volumes.map((mount) => mount.split(':')[0])).toEqual(Object.keys(volumes))
  })

  test('asks for no privilege, no socket, and the documented capabilities', () => {
    const { privileged, cap_add, cap_drop, volumes, read_only } = service(file)
    expect(privileged ?? false).toBe(false)
    expect(cap_drop).toEqual(['ALL'])
    expect(cap_add).toEqual(DOCUMENTED)
    expect(read_only).toBe(true)
    expect(volumes.join()).not.toMatch(/docker\.sock|\/sys|\/proc/)
  })

  test('its settings are settings, and its defaults start', () => {
    const asked = new Set<string>()
    const env = Object.fromEntries(
      Object.entries(service(file).environment).map(([key, value]) => [key, withDefaults(value)]),
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
    expect(readConfig(watched)).toMatchObject({ port: 9385, host: '0.0.0.0' })
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

test("over RAGFlow's own file nothing is left of its privileges", () => {
  const text = readFileSync(path.join(projectDir(), 'deploy/compose.ragflow.yaml'), 'utf8')
  const override = service('deploy/compose.ragflow.yaml') as unknown as Record<string, unknown>
  const merged: Record<string, unknown> = { ...RAGFLOW }
  for (const [key, value] of Object.entries(override)) {
    const before = merged[key]
    // Compose adds sequences to those before, unless the tag says otherwise, and merges mappings.
    const replaces = new RegExp(`^    ${key}: !override$`, 'm').test(text)
    if (Array.isArray(before) && Array.isArray(value) && !replaces) {
      merged[key] = [...before, ...value]
    } else if (isMapping(before) && isMapping(value)) merged[key] = { ...before, ...value }
    else merged[key] = value
  }
  expect(merged.privileged).toBe(false)
  expect(merged.networks).toEqual(['ragflow'])
  expect(merged.security_opt).toEqual(service('deploy/compose.yaml').security_opt.toReversed())
  expect(JSON.stringify(merged)).not.toMatch(/docker\.sock|curl/)
  expect(merged.ports).toHaveLength(1)
  expect(String(merged.ports)).toMatch(/:9385$/)
})

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
