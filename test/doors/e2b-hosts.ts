import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { certificates, NODE_NAMES } from '../support/e2b-suites.ts'
import { npmPackage } from '../support/npm-package.ts'
import { freePort, startService } from '../support/service.ts'
import { atEnd, E2B_KEY } from './service.ts'

/** E2B's clients with a domain alone: the API and each port of a sandbox have hosts of their own, by TLS. */
const DOMAIN = 'sandbox.test'
let env: Record<string, string>

describe('e2b', () => {
  beforeAll(async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'e2b-hosts-'))
    atEnd(async () => rmSync(folder, { recursive: true }))
    const { ca, cert, key } = await certificates(folder, DOMAIN)
    const names = path.join(folder, 'names.cjs')
    writeFileSync(names, NODE_NAMES(DOMAIN))
    const port = await freePort()
    const start = ['scripts/bootstrap.mjs', 'start', '--tls-cert', cert, '--tls-key', key]
    const settings = {
      SANDBOX_EXECUTOR_MANAGER_PORT: String(port),
      EXECUTOR_MANAGER_API_KEYS: `e2b:${E2B_KEY}`,
      EXECUTOR_MANAGER_E2B_DOMAIN: `${DOMAIN}:${port}`,
    }
    await startService(settings, [], [process.execPath, ...start], atEnd)
    env = {
      E2B_DOMAIN: `${DOMAIN}:${port}`,
      E2B_API_KEY: E2B_KEY,
      NODE_EXTRA_CA_CERTS: ca,
      NODE_OPTIONS: `--require=${names}`,
    }
  }, 600_000)

  const cases = [
    ['@e2b/code-interpreter', '2.8.0'],
    ['@e2b/code-interpreter', '2.6.0'],
  ] as const
  describe.each(cases)('npm %s %s, hosts', (name, version) => {
    test('code, commands, and a server inside that is public or not', async () => {
      const client = await npmPackage(`${name}@${version}`, atEnd)
      const { stdout, stderr } = await client.runModule(
        `import { Sandbox } from '${name}'
        const told = {}
        const serve = 'python3 -c "import http.server as s; s.ThreadingHTTPServer((\\'127.0.0.1\\', 8000), s.SimpleHTTPRequestHandler).serve_forever()"'
        const open = async (options) => {
          const sandbox = await Sandbox.create(options)
          await sandbox.files.write('index.html', 'hello')
          await sandbox.commands.run(serve, { background: true, timeoutMs: 0 })
          return sandbox
        }
        const get = (sandbox, headers = {}) => fetch('https://' + sandbox.getHost(8000), { headers })
        const sandbox = await open()
        told.code = (await sandbox.runCode('1 + 1')).text
        let answer
        do answer = await get(sandbox)
        while (answer.status === 502)
        told.server = [answer.status, await answer.text()]
        told.policy = answer.headers.get('content-security-policy')
        const hidden = await open({ network: { allowPublicTraffic: false } })
        told.hidden = [(await get(hidden)).status]
        const headers = { 'e2b-traffic-access-token': hidden.trafficAccessToken }
        do answer = await get(hidden, headers)
        while (answer.status === 502)
        told.hidden.push(answer.status)
        told.api = (await fetch('https://' + sandbox.getHost(49983) + '/sandboxes')).status
        for (const one of [sandbox, hidden]) await one.kill()
        told.gone = (await get(sandbox)).status
        console.log('TOLD ' + JSON.stringify(told))`,
        { env },
      )
      const told = /^TOLD (.*)$/m.exec(stdout)?.[1]
      if (told === undefined) throw new Error(stdout + stderr)
      expect(JSON.parse(told)).toEqual({
        code: '2',
        server: [200, 'hello'],
        policy: null,
        hidden: [403, 200],
        api: 404,
        gone: 502,
      })
    }, 600_000)
  })
})
