import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type CommandOptions, type Ended, runCommand } from './command-line.ts'
import { cachedPython } from './python.ts'

/** E2B's own tests, unmodified, from a checkout, against a service of ours. */

/** A suite, by the name of its list in test/doors/e2b-suites/. */
export type SuiteName = 'js-sdk' | 'python-sdk' | 'js-code-interpreter' | 'python-code-interpreter'

/** What a list says of a file. Test ids are those of pytest, without the file, or titles of vitest. */
export interface ListedFile {
  readonly passes: number
  /** Tests that do not apply to this service, each with the reason. */
  readonly not?: Readonly<Record<string, string>>
  /** Tests of the file that are none of a server's, and what they lack here. */
  readonly unit?: Readonly<Record<string, string>>
}

export interface SuiteResult {
  readonly passed: number
  readonly failed: readonly string[]
}

interface Suite {
  /** In the folder of checkouts. */
  readonly folder: string
  readonly packages: readonly string[]
  /** Of npm, that the tests import by the path of its source. */
  readonly imports?: string
}

const SUITES: Readonly<Record<SuiteName, Suite>> = {
  'js-sdk': {
    folder: 'E2B/packages/js-sdk',
    packages: ['e2b@2.51.0', 'msw@2'],
    imports: 'e2b',
  },
  'js-code-interpreter': {
    folder: 'code-interpreter/js',
    packages: ['@e2b/code-interpreter@2.8.0', 'msw@2'],
    imports: '@e2b/code-interpreter',
  },
  'python-sdk': { folder: 'E2B/packages/python-sdk', packages: ['e2b==2.63.0'] },
  'python-code-interpreter': {
    folder: 'code-interpreter/python',
    packages: ['e2b-code-interpreter==2.11.5'],
  },
}
const PYTEST = ['pytest>=9,<10', 'pytest-asyncio>=1.3,<2', 'pytest-timeout', 'pytest-xdist']
const LISTS = path.join(import.meta.dirname, '../doors/e2b-suites')

/** Returns the list of a suite, by the names of its files. */
export function listOf(name: SuiteName): Readonly<Record<string, ListedFile>> {
  return JSON.parse(readFileSync(path.join(LISTS, `${name}.json`), 'utf8'))
}

/** Makes an authority and, by it, a certificate for a name and what is below it, as files of a folder. */
export async function certificates(folder: string, name: string) {
  const at = (file: string) => path.join(folder, file)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const openssl = async (...words: string[]) => {
    const { code, stderr } = await runCommand('openssl', words)
    if (code !== 0) throw new Error(`openssl ${words[0]}: ${stderr}`)
  }
  const names = `DNS:localhost,DNS:${name},DNS:*.${name},IP:127.0.0.1`
  writeFileSync(at('ext'), `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`)
  const ca = ['-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=tests', '-days', '9']
  const isCa = ['-addext', 'basicConstraints=critical,CA:TRUE']
  await openssl('req', '-x509', ...key, ...ca, ...isCa)
  const asked = ['-keyout', at('key.pem'), '-out', at('csr'), '-subj', `/CN=${name}`]
  await openssl('req', ...key, ...asked)
  const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '9']
  const leaf = ['-in', at('csr'), '-extfile', at('ext'), '-out', at('cert.pem')]
  await openssl('x509', '-req', ...by, ...leaf)
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') }
}

/** Has the names below a domain be this machine, in both languages: the tests have no name server. */
const PYTHON_NAMES = (domain: string) => `import socket
real = socket.getaddrinfo
def lookup(host, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    return real('127.0.0.1' if isinstance(name, str) and name.endswith('.${domain}') else host, *args, **kwargs)
socket.getaddrinfo = lookup
`
/** A module that has the names below a domain be this machine. */
export const NODE_NAMES = (domain: string) => `const dns = require('node:dns')
const real = dns.lookup
dns.lookup = (host, ...rest) => real(String(host).endsWith('.${domain}') ? '127.0.0.1' : host, ...rest)
`
const VITEST = (name: string) => `import { defineConfig } from 'vitest/config'
export default defineConfig({
  resolve: { alias: [{ find: /^(\\.\\.\\/)+src(\\/(index|errors|sandbox\\/filesystem))?(\\.js)?$/, replacement: '${name}' }] },
  test: { include: ['tests/**/*.test.ts'], environment: 'node', testTimeout: 120000, hookTimeout: 120000, maxWorkers: 2 },
})
`

/**
 * Runs files of a suite.
 * @param checkouts folder with `E2B` and `code-interpreter`
 * @param env addresses and key of the service, and where its authority is (`ca`), for hosts below `domain`
 * @returns by the names of the files; null where the registry does not give the packages
 */
export async function runSuite(
  checkouts: string,
  name: SuiteName,
  files: readonly string[],
  { domain, ca, ...env }: { domain: string; ca: string } & Readonly<Record<string, string>>,
): Promise<Map<string, SuiteResult> | null> {
  const { folder, packages, imports } = SUITES[name]
  const home = mkdtempSync(path.join(tmpdir(), 'e2b-suite-'))
  try {
    mkdirSync(home, { recursive: true })
    cpSync(path.join(checkouts, folder, 'tests'), path.join(home, 'tests'), { recursive: true })
    if (imports === undefined) {
      cpSync(path.join(checkouts, folder, 'pytest.ini'), path.join(home, 'pytest.ini'))
      writeFileSync(path.join(home, 'sitecustomize.py'), PYTHON_NAMES(domain))
      const python = await cachedPython([...packages, ...PYTEST])
      const words = ['-m', 'pytest', '-q', '-n', '2', '--timeout', '180', '-rA', ...files]
      const own = { ...env, SSL_CERT_FILE: ca, PYTHONPATH: home }
      if (python === null) return null
      return pytestResults(await runCommand(python, words, { cwd: home, env: own }))
    }
    writeFileSync(path.join(home, 'package.json'), '{"private": true}')
    writeFileSync(path.join(home, 'names.cjs'), NODE_NAMES(domain))
    writeFileSync(path.join(home, 'vitest.config.mjs'), VITEST(imports))
    const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const options: CommandOptions = { cwd: home }
    const { code, stderr } = await runCommand('npm', [...npm, ...packages, 'vitest@4'], options)
    if (code !== 0) throw new Error(`npm install: ${stderr}`)
    const report = path.join(home, 'report.json')
    const words = ['vitest', 'run', '--reporter=json', `--outputFile=${report}`, ...files]
    const names = `--require=${path.join(home, 'names.cjs')}`
    const own = { ...env, NODE_EXTRA_CA_CERTS: ca, NODE_OPTIONS: names }
    await runCommand('npx', words, { cwd: home, env: own })
    return vitestResults(home, JSON.parse(readFileSync(report, 'utf8')))
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

function pytestResults({ stdout, stderr }: Ended): Map<string, SuiteResult> {
  const results = new Map<string, { passed: number; failed: string[] }>()
  const lines = [...stdout.matchAll(/^(PASSED|FAILED|ERROR) ([\w/.]+\.py)(?:::(\S+))?/gm)]
  if (lines.length === 0) throw new Error(`pytest: ${stdout}${stderr}`)
  for (const [, word, file = '', id = 'the file'] of lines) {
    const result = results.get(file) ?? { passed: 0, failed: [] }
    results.set(file, result)
    if (word === 'PASSED') result.passed++
    else result.failed.push(id)
  }
  return results
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[]
  }[]
}

function vitestResults(home: string, { testResults }: VitestReport): Map<string, SuiteResult> {
  return new Map(
    testResults.map(({ name, assertionResults: all }) => {
      const passed = all.filter(({ status }) => status === 'passed').length
      const failed = all.filter(({ status }) => status === 'failed').map(({ title }) => title)
      const whole = all.length === 0 ? ['the file'] : failed
      return [path.relative(home, name), { passed, failed: whole }]
    }),
  )
}
