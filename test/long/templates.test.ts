import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'
import type { ExecutorManager } from '../../src/manager.ts'
import { loadRuntimes } from '../../src/runtimes/definition.ts'
import { ensureTools } from '../../src/templates/tools.ts'
import { commandLine } from '../support/command-line.ts'
import { openManager } from '../support/manager.ts'
import { PackageIndex } from '../support/package-index.ts'
import { makePrivateHome } from '../support/private-home.ts'
import {
  removeTemplateImages,
  runWith,
  servedTemplate,
  writeTemplate,
} from '../support/templates.ts'

const NAME = 'libraries-test'
const NAMES = [NAME, 'older-test', 'node-test', 'debian-test', 'hostile-test', 'orders']
const LONG_MS = scaledMs(600_000)
const PYTHON = { 'template.yaml': 'runtime: python\npreload: []\n' }
const index = new PackageIndex()
let home = ''
let manager: ExecutorManager
let url = ''

/** What a program finds in its template, by the native API. */
const found = async (template: string, code: string) =>
  (await runWith(url, { template, code })).stdout
const build = (name: string) =>
  commandLine(['template', 'build', name], { env: { EXECUTOR_MANAGER_HOME: home } })

async function openService(): Promise<void> {
  manager = await openManager({ home, logLevel: 'error', poolSize: 1 })
  url = await manager.start()
}

/** The example of docs/templates.md, as it stands there. */
function example() {
  const text = readFileSync(path.join(projectDir(), 'docs/templates.md'), 'utf8')
  const block = (file: string) =>
    new RegExp(`# templates/orders/${file}\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1] ?? ''
  const body = /-d '(\{"template": "orders".*\})'/.exec(text)?.[1] ?? ''
  return { yaml: block('template.yaml'), requirements: block('requirements.txt'), body }
}

beforeAll(async () => {
  home = makePrivateHome()
  removeTemplateImages(home, NAMES)
  // From the index of the machine; what the templates name comes from the test's own.
  for (const runtime of loadRuntimes(path.join(projectDir(), 'runtimes'))) {
    if (runtime.libraries) await ensureTools(runtime, runtime.libraries, home, () => {})
  }
  const { yaml, requirements } = example()
  writeTemplate(home, 'orders', { 'template.yaml': yaml, 'requirements.txt': requirements })
  expect(await build('orders')).toMatchObject({ code: 0 })

  await index.open()
  for (const version of ['1.0', '2.0']) {
    index.addWheel('tinylib', version, `VERSION = "${version}"\n`)
    index.addNpm('tinynode', version, `exports.version = '${version}'\n`)
  }
  process.env.PIP_INDEX_URL = `${index.url}/simple/`
  process.env.npm_config_registry = `${index.url}/npm/`
  writeTemplate(home, NAME, {
    'template.yaml': 'runtime: python\npreload: [tinylib]\nlimits: {wall_ms: 5000}\n',
    'requirements.txt': 'tinylib==2.0\n',
  })
  await openService()
  await servedTemplate(url, NAME)
}, scaledMs(1_200_000))

afterAll(async () => {
  await manager?.stop()
  index.close()
  removeTemplateImages(home, NAMES)
  rmSync(home, { recursive: true, force: true })
})

test('a service builds a template that is new, and serves it without a restart', async () => {
  const told = await servedTemplate(url, NAME)
  expect(told.languages).toContain('python')
  expect(told.libraries).toContainEqual({ name: 'tinylib', version: '2.0' })
  expect(told.preloaded).toContain('tinylib')

  const code = 'import sys; print("tinylib" in sys.modules); import tinylib; print(tinylib.VERSION)'
  expect(await found(NAME, code)).toBe('False\n2.0\n')
  const other = await runWith(url, { language: 'python', code: 'import tinylib' })
  expect(other.stderr).toContain("No module named 'tinylib'")
})

test('the example of the documentation', async () => {
  const answer = await runWith(url, JSON.parse(example().body))
  expect(answer).toMatchObject({ status: 200, stdout: '12.3 million\n' })
})

test('a template that is not there is named, with those that are', async () => {
  const answer = await runWith(url, { template: 'nothing', code: '' })
  expect(answer.status).toBe(400)
  expect(answer.detail).toMatch('template: there is no such template; there are bash')
  expect(answer.detail).toContain(NAME)
  const response = await fetch(`${url}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code_b64: '', template: 'nothing' }),
  })
  expect(response.status).toBe(422)
  expect(await response.json()).toMatchObject({
    detail: [{ loc: ['body', 'template'], msg: expect.stringContaining(`'${NAME}'`) }],
  })
})

test('RAGFlow may name it too', async () => {
  const code = Buffer.from('import tinylib\ndef main(): return tinylib.VERSION').toString('base64')
  const response = await fetch(`${url}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code_b64: code, template: NAME }),
  })
  expect(await response.json()).toMatchObject({ status: 'success', result: { value: '2.0' } })
})

test(
  'templates whose libraries conflict work side by side, and building one disturbs no pool',
  async () => {
    const ids = async () => {
      const text = await (await fetch(`${url}/metrics`)).text()
      return text.match(
        /^executor_manager_executor_made_seconds_count\{.*runtime="(bash|nodejs)".*$/gm,
      )
    }
    const before = await ids()
    writeTemplate(home, 'older-test', { ...PYTHON, 'requirements.txt': 'tinylib==1.0\n' })
    const ended = await build('older-test')
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('Built: older-test.') })
    await servedTemplate(url, 'older-test')
    const code = 'import tinylib; print(tinylib.VERSION)'
    const answers = await Promise.all([NAME, 'older-test'].map((name) => found(name, code)))
    expect(answers).toEqual(['2.0\n', '1.0\n'])
    expect(await ids()).toEqual(before)
  },
  LONG_MS,
)

test(
  'a package.json, for require and import',
  async () => {
    writeTemplate(home, 'node-test', {
      'template.yaml': 'runtime: nodejs\n',
      'package.json': JSON.stringify({ dependencies: { tinynode: '^1.0.0' } }),
    })
    index.addNpm('tinynode', '1.0.0', "exports.version = 'one'\n")
    expect(await build('node-test')).toMatchObject({ code: 0 })
    const told = await servedTemplate(url, 'node-test')
    expect(told.libraries).toContainEqual({ name: 'tinynode', version: '1.0.0' })
    const required = "console.log(require('tinynode').version, typeof require('lodash').chunk)"
    expect(await found('node-test', required)).toBe('one function\n')
    const imported = "import tiny from 'tinynode'\nconsole.log(tiny.version)"
    expect(await found('node-test', imported)).toBe('one\n')
  },
  LONG_MS,
)

test(
  'Debian packages, files, limits and a network policy',
  async () => {
    writeTemplate(home, 'debian-test', {
      'template.yaml': [
        'runtime: bash',
        'packages: [hello]',
        'files: {/opt/words: words.txt}',
        'limits: {processes: 9}',
        'network: none',
      ].join('\n'),
      'words.txt': 'my words\n',
    })
    expect(await build('debian-test')).toMatchObject({ code: 0 })
    await servedTemplate(url, 'debian-test')
    expect(await found('debian-test', 'hello; cat /opt/words')).toBe('Hello, world!\nmy words\n')
  },
  LONG_MS,
)

describe('a build that fails says which requirement and why:', () => {
  test.for<readonly [string, readonly string[]]>([
    ['nothing-there==1.0\n', ['nothing-there==1.0', 'No matching distribution']],
    ['tinylib==3.0\n', ['tinylib==3.0', '1.0, 2.0']],
    ['tinylib==1.0\nwants==1.0\n', ['tinylib==1.0', 'wants 1.0 depends on tinylib==2.0']],
    ['breaks==1.0\n', ['breaks', 'could not be built', 'no compiler here']],
  ])('requirements.txt with %j', { timeout: LONG_MS }, async ([requirements, words]) => {
    index.addWheel('wants', '1.0', '', 'tinylib==2.0')
    index.addSource(
      'breaks',
      '1.0',
      'def build_wheel(*_, **__): raise SystemExit("no compiler here")\n',
    )
    writeTemplate(home, 'older-test', { ...PYTHON, 'requirements.txt': requirements })
    const { code, stderr } = await build('older-test')
    expect(code).toBe(1)
    expect(stderr).toContain('older-test/requirements.txt: ')
    for (const word of words) expect(stderr).toContain(word)
    // What is served stays as it was.
    expect(await found('older-test', 'import tinylib; print(tinylib.VERSION)')).toBe('1.0\n')
  })

  test.for<readonly [string, string, string]>([
    ['package.json', 'runtime: nodejs\n', '{"dependencies": {"nothing-there": "1.0.0"}}'],
    ['template.yaml', 'runtime: bash\npackages: [nothing-there]\n', 'runtime: bash\n'],
  ])('%s', { timeout: LONG_MS }, async ([file, yaml, text]) => {
    const files = file === 'template.yaml' ? {} : { [file]: text }
    writeTemplate(home, 'broken-test', { 'template.yaml': yaml, ...files })
    const { code, stderr } = await build('broken-test')
    rmSync(path.join(home, 'templates/broken-test'), { recursive: true })
    expect(code).toBe(1)
    expect(stderr).toContain('nothing-there')
    expect(stderr).toContain('broken-test')
  })
})

/** What a hostile back end tries; it hands over what came of each attempt as a module. */
const HOSTILE = `
import os, socket
def attempt(do):
    try:
        return str(do())[:80]
    except BaseException as error:
        return type(error).__name__
def reach(*address):
    socket.create_connection(address, timeout=5)
    return "connected"
def ask(path):
    with socket.socket(socket.AF_UNIX) as index:
        index.connect("/run/index/socket")
        index.sendall(f"GET {path} HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n".encode())
        return index.recv(64).split()[1].decode()
def write(path):
    with open(path, "w") as file:
        file.write("x")
    return "written"
def build_wheel(folder, *_, **__):
    found = {
        "a public address": attempt(lambda: reach("192.0.2.1", 80)),
        "the host": attempt(lambda: reach("127.0.0.1", PORT)),
        "the service by the index": attempt(lambda: ask("http://127.0.0.1:PORT/v1/templates")),
        "outside of the index": attempt(lambda: ask("/index/0/..%2f..%2fsecret")),
        "a file of its own choice": attempt(lambda: ask("/file/" + "0" * 64 + "/aHR0cDovLzEyNy4wLjAuMS8/x")),
        "the index itself": attempt(lambda: ask("/index/0/tinylib/")),
        **{path: attempt(lambda: write(path + "/x")) for path in ["/etc", "/usr/lib", "/run/manifest", "/run/tools", "/run/guest"]},
        "the template": attempt(lambda: sorted(os.listdir("/run/manifest"))),
        "the data folder": attempt(lambda: os.listdir("HOME")),
    }
    os.symlink("/etc/passwd", "/workspace/venv/lib/python3.13/site-packages/link")
    return wheel(folder, f"FOUND = {found!r}")
`

test(
  'a hostile build reaches the index only, and writes nothing outside of its sandbox',
  async () => {
    const port = new URL(url).port
    index.addSource('hostile', '1.0', HOSTILE.replaceAll('PORT', port).replace('HOME', home))
    writeTemplate(home, 'hostile-test', {
      ...PYTHON,
      'requirements.txt': 'hostile==1.0\n',
      'secret.txt': 'a password',
    })
    expect(await build('hostile-test')).toMatchObject({ code: 0 })
    await servedTemplate(url, 'hostile-test')
    const told = await found(
      'hostile-test',
      'import hostile, json; print(json.dumps(hostile.FOUND))',
    )
    const { 'the index itself': itself, 'the template': seen, ...rest } = JSON.parse(told)
    expect(itself).toBe('200')
    expect(seen).toBe("['requirements.txt']")
    for (const [what, came] of Object.entries(rest)) {
      expect(`${what}: ${came}`).toMatch(/: (\w+Error|timeout|40[0-9])$/)
    }
    const listed =
      'import os; print(os.path.lexists("/usr/local/lib/python3.13/dist-packages/link"))'
    expect(await found('hostile-test', listed)).toBe('False\n')
  },
  LONG_MS,
)

test(
  'a template that changed is built again at the start',
  async () => {
    await manager.stop()
    writeTemplate(home, NAME, { ...PYTHON, 'requirements.txt': 'tinylib==1.0\n' })
    await openService()
    const isNew = (told: { libraries: readonly { version: string | null }[] }) =>
      told.libraries.some(({ version }) => version === '1.0')
    await servedTemplate(url, NAME, isNew)
    expect(await found(NAME, 'import tinylib; print(tinylib.VERSION)')).toBe('1.0\n')
  },
  LONG_MS,
)
