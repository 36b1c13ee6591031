import { describe, expect, test } from 'vitest'
import { limitsOf, readConfig } from '../../src/config.ts'
import { MIB } from '../../src/lib/units.ts'
import { LINKS } from '../../src/network/address-block.ts'

describe('readConfig', () => {
  test('has a default for everything', () => {
    const config = readConfig({})
    expect(config).toMatchObject({ host: '127.0.0.1', port: 9385, queueWaitMs: 10_000 })
    expect(config.limits).toMatchObject({
      wallTimeMs: 10_000,
      memoryBytes: 256 * MIB,
      cpus: 1,
      processes: 64,
      workspaceBytes: 100 * MIB,
      outputBytes: MIB,
      resultBytes: 10 * MIB,
      artifacts: 10,
      artifactBytes: 10 * MIB,
    })
    expect(Object.isFrozen(config) && Object.isFrozen(config.limits)).toBe(true)
  })

  test('takes an empty variable for an unset one', () => {
    const empty = { SANDBOX_TIMEOUT: '', SANDBOX_EXECUTOR_MANAGER_PORT: '' }
    expect(readConfig(empty)).toEqual(readConfig({}))
  })

  test.each([
    ['SANDBOX_EXECUTOR_MANAGER_PORT', '0', { port: 0 }],
    ['SANDBOX_EXECUTOR_MANAGER_PORT', '65535', { port: 65_535 }],
    ['SANDBOX_EXECUTOR_MANAGER_POOL_SIZE', '5', { poolSize: 5 }],
    ['SANDBOX_TIMEOUT', '1m30s', { limits: { wallTimeMs: 90_000 } }],
    ['SANDBOX_TIMEOUT', '5', { limits: { wallTimeMs: 5000 } }],
    ['SANDBOX_MAX_MEMORY', '1g', { limits: { memoryBytes: 1024 * MIB } }],
    ['SANDBOX_ENABLE_SECCOMP', 'true', {}],
    ['SANDBOX_BASE_PYTHON_IMAGE', 'x', { ignoredSettings: ['SANDBOX_BASE_PYTHON_IMAGE'] }],
    ['SANDBOX_BASE_NODEJS_IMAGE', 'x', { ignoredSettings: ['SANDBOX_BASE_NODEJS_IMAGE'] }],
    ['EXECUTOR_MANAGER_HOST', '127.0.0.2', { host: '127.0.0.2' }],
    ['EXECUTOR_MANAGER_RATE_LIMIT', '100/1m', { rateLimit: { runs: 100, windowMs: 60_000 } }],
    ['EXECUTOR_MANAGER_RATE_LIMIT', '5/s', { rateLimit: { runs: 5, windowMs: 1000 } }],
    ['EXECUTOR_MANAGER_SNAPSHOTS', 'off', { snapshots: false }],
    ['EXECUTOR_MANAGER_SNAPSHOTS_PER_KEY', 'false', { snapshotsPerKey: false }],
    ['EXECUTOR_MANAGER_SNAPSHOT_AGE', '1h', { snapshotRenewal: { ageMs: 3_600_000 } }],
    ['EXECUTOR_MANAGER_SNAPSHOT_AGE', 'off', { snapshotRenewal: null }],
    ['EXECUTOR_MANAGER_HOME', '/data', { home: '/data' }],
    ['EXECUTOR_MANAGER_QUEUE_WAIT', '250ms', { queueWaitMs: 250 }],
    ['EXECUTOR_MANAGER_QUEUE_LENGTH', '7', { queueLength: 7 }],
    ['EXECUTOR_MANAGER_START_TIMEOUT', '30s', { startTimeoutMs: 30_000 }],
    ['EXECUTOR_MANAGER_LOG_LEVEL', 'debug', { logLevel: 'debug' }],
    ['SANDBOX_CODE_POLICY', 'balanced', { codePolicy: 'balanced', policyDir: null }],
    ['SANDBOX_CODE_POLICY', 'strict', { codePolicy: 'strict' }],
    ['SANDBOX_CODE_POLICY', 'off', { codePolicy: 'off' }],
    ['EXECUTOR_MANAGER_POLICY_DIR', '/etc/policy', { policyDir: '/etc/policy' }],
    ['SANDBOX_NETWORK', 'none', { egress: null }],
    ['SANDBOX_NETWORK', 'egress', { egress: { policy: null, nameServers: [] } }],
  ])('%s=%s', (name, value, expected) => {
    expect(readConfig({ [name]: value })).toMatchObject(expected)
  })

  test('snapshots of each key want keys', () => {
    const wanted = { EXECUTOR_MANAGER_SNAPSHOTS_PER_KEY: 'true' }
    expect(() => readConfig(wanted)).toThrow('there are no keys')
    const keys = 'alice:0123456789abcdef,bob:fedcba9876543210'
    const config = readConfig({ ...wanted, EXECUTOR_MANAGER_API_KEYS: keys })
    expect(config).toMatchObject({ snapshotsPerKey: true, leanExecutors: false })
    // A place for the pool of each key and language.
    expect(config.maxExecutors).toBeGreaterThan(2 * 3 * config.poolSize)
  })

  test.each([
    ['SANDBOX_EXECUTOR_MANAGER_PORT', ['65536', '-1', 'http', '80.5', '0x50', '1e3']],
    ['SANDBOX_EXECUTOR_MANAGER_POOL_SIZE', ['0', '-1', 'many', '1001', '1.5']],
    ['SANDBOX_TIMEOUT', ['0', '10ms', 'soon', '10x', '-5s', '2h', '10 s']],
    ['SANDBOX_MAX_MEMORY', ['0', '1k', '15m', 'lots', '256mb', '-1g', '1.5g']],
    ['SANDBOX_ENABLE_SECCOMP', ['maybe', '2']],
    ['EXECUTOR_MANAGER_HOST', [' ']],
    ['EXECUTOR_MANAGER_HOSTS', ['http://a.example', 'a.example:80', ',', ' ', '*.example']],
    ['EXECUTOR_MANAGER_TRUSTED_PROXIES', ['true', '10.0.0.0/33', 'proxy.example', ',']],
    ['EXECUTOR_MANAGER_QUEUE_WAIT', ['0', 'never']],
    ['EXECUTOR_MANAGER_QUEUE_LENGTH', ['0', 'long']],
    ['EXECUTOR_MANAGER_LOG_LEVEL', ['loud', 'INFO']],
    ['SANDBOX_NETWORK', ['host', 'on', 'Egress', ' ']],
    [
      'SANDBOX_EGRESS_ALLOW',
      ['https://example.org', '*', '10.0.0.0/8', 'ok.example.org,2001:db8::1'],
    ],
    ['SANDBOX_EGRESS_DNS', ['dns.example.org', '192.0.2.53:0', '192.0.2.53:65536', '::1', ',']],
    ['SANDBOX_CODE_POLICY', ['lax', 'STRICT', 'false', ' ']],
  ])('a bad %s stops the start and is named', (name, values) => {
    for (const value of values) {
      const read = expect(() => readConfig({ [name]: value }), value)
      read.toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
      expect(() => readConfig({ [name]: value })).toThrow(`${name}=${value} is not `)
    }
  })
})

describe('egress', () => {
  test('has a list and name servers', () => {
    const egress = {
      SANDBOX_NETWORK: 'egress',
      SANDBOX_EGRESS_ALLOW: 'api.example.org,*.example.net',
      SANDBOX_EGRESS_DNS: '192.0.2.53, 192.0.2.54:5353',
    }
    expect(readConfig(egress).egress).toEqual({
      policy: { names: ['api.example.org'], suffixes: ['.example.net'], ranges: [] },
      nameServers: ['192.0.2.53', '192.0.2.54:5353'],
    })
  })

  test.each(['SANDBOX_EGRESS_ALLOW', 'SANDBOX_EGRESS_DNS'])(
    '%s without it is a mistake',
    (name) => {
      expect(() => readConfig({ [name]: '192.0.2.1' })).toThrow(
        `${name} is set, and SANDBOX_NETWORK`,
      )
    },
  )

  test('has no more executors than links', () => {
    const many = { SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '1000' }
    expect(readConfig({ ...many, SANDBOX_NETWORK: 'egress' }).maxExecutors).toBeLessThan(LINKS)
    expect(readConfig(many).maxExecutors).toBeGreaterThan(LINKS)
  })
})

describe('sizes by machine', () => {
  const sizes = (cores: number, memoryBytes: number, env = {}) => {
    const config = readConfig(env, [], { cores, memoryBytes })
    const { poolSize, maxExecutors, leanExecutors, richExecutors, parallelBoots } = config
    return { poolSize, maxExecutors, leanExecutors, richExecutors, parallelBoots }
  }
  const GIB = 1024 * MIB

  test('1 GiB and 1 processor: a pool of one for each language, and one place to work with', () => {
    expect(sizes(1, GIB)).toEqual({
      poolSize: 1,
      maxExecutors: 4,
      leanExecutors: false,
      richExecutors: false,
      parallelBoots: 1,
    })
  })

  test('64 processors and 512 GiB: the pools stop at 32, the executors where the memory ends', () => {
    const { poolSize, maxExecutors, leanExecutors, parallelBoots } = sizes(64, 512 * GIB)
    expect({ poolSize, leanExecutors, parallelBoots }).toEqual({
      poolSize: 32,
      leanExecutors: true,
      parallelBoots: 64,
    })
    // Each may take its 256 MiB, and what an idle one has.
    expect(maxExecutors * 320 * MIB).toBeLessThan(512 * GIB)
    expect(maxExecutors).toBeGreaterThan(500)
  })

  test('whatever the machine is, all pools fit and one place is left', () => {
    for (const cores of [1, 2, 16, 64]) {
      for (const gib of [0.25, 1, 4, 24, 512]) {
        const { poolSize, maxExecutors, leanExecutors, richExecutors } = sizes(cores, gib * GIB)
        expect(poolSize).toBeGreaterThanOrEqual(1)
        const places = (leanExecutors ? 4 : 3) * poolSize + (richExecutors ? 2 : 0)
        expect(maxExecutors).toBeGreaterThan(places)
      }
    }
  })

  test('runs of 2 GiB on a machine of 4: a place for each language', () => {
    const { poolSize, maxExecutors } = sizes(2, 4 * GIB, { SANDBOX_MAX_MEMORY: '2g' })
    expect({ poolSize, maxExecutors }).toEqual({ poolSize: 1, maxExecutors: 4 })
  })

  test('a pool size that is asked for is kept, and its places with it', () => {
    const env = { SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '20' }
    expect(sizes(2, 4 * GIB, env)).toMatchObject({ poolSize: 20, maxExecutors: 61 })
  })
})

test('a runtime overrides the limits that it sets and no others', () => {
  const config = readConfig({})
  const limits = limitsOf(config, { memoryBytes: 1, cpus: undefined })
  expect(limits).toEqual({ ...config.limits, memoryBytes: 1 })
})

describe('the door', () => {
  const API_KEYS = 'ragflow:0123456789abcdef'

  test('is open to this machine alone, unless keys are asked for or it is said that it may be', () => {
    const elsewhere = { EXECUTOR_MANAGER_HOST: '0.0.0.0' }
    expect(() => readConfig(elsewhere)).toThrow(/EXECUTOR_MANAGER_API_KEYS/)
    expect(readConfig({ ...elsewhere, EXECUTOR_MANAGER_API_KEYS: API_KEYS }).keys.count).toBe(1)
    const allowed = { ...elsewhere, SANDBOX_EXECUTOR_MANAGER_ALLOW_UNAUTHENTICATED: 'true' }
    expect(readConfig(allowed).host).toBe('0.0.0.0')
    for (const host of ['localhost', '::1', '127.0.0.1']) {
      expect(readConfig({ EXECUTOR_MANAGER_HOST: host }).host).toBe(host)
    }
  })

  test('a wrong key is refused without being shown', () => {
    const env = { EXECUTOR_MANAGER_API_KEYS: 'a:secret' }
    expect(() => readConfig(env)).toThrow('EXECUTOR_MANAGER_API_KEYS')
    expect(() => readConfig(env)).not.toThrow('secret')
  })

  test('packages of the host are installed unless that is forbidden', () => {
    expect(readConfig({}).mayInstall).toBe(true)
    expect(readConfig({}, ['--no-install']).mayInstall).toBe(false)
  })

  test.each([
    [['--tls-cert', '/etc/hostname'], 'go together'],
    [['--tls-cert', '/nowhere', '--tls-key', '/nowhere'], '--tls-cert: '],
    [['--tls'], 'Unknown option'],
  ])('%j is refused', (args, message) => {
    expect(() => readConfig({}, args)).toThrow(message)
  })
})
