/**
 * The one way into everything: `npm start`, `npm test` and the others land here. Plain JavaScript
 * without dependencies that an old Node.js understands, for on a fresh clone there is nothing else
 * yet. It brings node_modules up to date and goes on in this very process, or, where this Node.js is
 * too old for TypeScript, in a child that runs on a newer one.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import nodeModule from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { findInstalledNode, isNewEnough, MINIMUM_NODE, NODE_FOLDER } from './node.mjs'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const NODE_MODULES = join(PROJECT, 'node_modules')
const LOCK_FILE = join(PROJECT, 'package-lock.json')
const STAMP = '.executor-manager-stamp'
/** The oldest that can read this file and install a newer one. */
const OLDEST_NODE = 18

/** What every change has to pass, and what takes longer. */
const SHORT_PROJECTS = ['unit', 'integration', 'alone', 'adversarial']
const MORE_PROJECTS = ['faults', 'callers', 'doors', 'long', 'whole']

/** What depends on the version of runsc. */
const ENGINE_TESTS = [
  ...['shared', 'attacks', 'time-limits', 'snapshot', 'executor-kills', 'freeze-thaw'].map(
    (name) => `test/whole/${name}`,
  ),
  ...['setup', 'leftovers'].map((name) => `test/integration/alone/${name}`),
  'test/adversarial/adversarial.test.ts',
  'test/faults/executor-kills.test.ts',
  'test/faults/snapshot-faults.test.ts',
]

const COMMANDS = {
  start: runService,
  setup: runSetup,
  // What was needed for it has been done before.
  prepare: () => {},
  generate: async () => (await load('clients/generate.ts')).generate(),
  doctor: async () =>
    exitWith(await (await load('src/doctor/cli.ts')).doctor(PROJECT, process.env)),
  bench: () => load('bench/main.ts'),
  snapshot: () => load('src/snapshot-cli.ts'),
  template: async () => {
    const { templateCommand } = await load('src/template-cli.ts')
    exitWith(await templateCommand(process.argv.slice(2), process.env))
  },
  lint: async () => exitWith(await lint()),
  test: () => runTests(SHORT_PROJECTS),
  'test:more': () => runTests(MORE_PROJECTS),
  'test:engine': () => runTests([], ENGINE_TESTS),
  'test:doors': () => runTests(['doors']),
  'test:nodes': testNodes,
  'test:all': () => runTests([...SHORT_PROJECTS, ...MORE_PROJECTS]),
}

const command = process.argv[2] ?? ''
// What follows sees its own arguments only.
process.argv.splice(2, 1)

if (!Object.hasOwn(COMMANDS, command)) {
  fail(`Say what to do: node scripts/bootstrap.mjs ${Object.keys(COMMANDS).join('|')}`)
} else if (process.platform !== 'linux') {
  fail('The executor manager runs on Linux only: gVisor needs its kernel.')
} else if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  fail(`Node.js ${MINIMUM_NODE} or newer is needed, this is ${process.versions.node}.`)
} else {
  process.chdir(PROJECT)
  if (isReady() || (command === 'doctor' ? tellWhatIsMissing() : await locked(prepare))) {
    if (isNewEnough(process.versions.node)) await COMMANDS[command]()
    else exitWith(await runAgain())
  }
}

/** Whether the right Node.js and the npm packages are there. */
function isReady() {
  return hasNode() && hasDependencies()
}

function hasNode() {
  return isNewEnough(process.versions.node) || findInstalledNode() !== undefined
}

function hasDependencies() {
  return readStamp() === hashOf(LOCK_FILE)
}

async function prepare() {
  return (await ensureNode()) && (await ensureDependencies())
}

/** The doctor changes nothing: what it needs itself is the first thing that it finds missing. */
function tellWhatIsMissing() {
  if (!hasNode())
    say(`to do    Node.js         ${process.versions.node} is older than ${MINIMUM_NODE}`)
  if (!hasDependencies()) say('to do    npm packages    not installed')
  fail(
    '\nRun `npm run setup`, which installs them below this folder; then the doctor can tell the rest.',
  )
  return false
}

/** Runs the work while this process holds the project's lock; whoever dies holds it no longer. */
async function locked(work) {
  const descriptor = openSync(LOCK_FILE, 'r')
  const flock = (...options) => run('flock', [...options, '3'], PROJECT, [descriptor])
  try {
    // flock(1) locks the open file, which it shares with this process.
    if ((await flock('--nonblock')) !== 0) {
      say('waiting for another command that installs')
      if ((await flock()) !== 0) {
        fail(
          'flock does not work: install util-linux, and keep the project where files can be locked.',
        )
        return false
      }
    }
    return await work()
  } finally {
    closeSync(descriptor)
  }
}

/** What was compiled of the sources is kept: the next start takes half the processor time. */
function runService() {
  nodeModule.enableCompileCache(join(NODE_MODULES, '.cache', 'node'))
  return load('src/main.ts')
}

async function runSetup() {
  exitWith(await (await load('src/setup/cli.ts')).setup(PROJECT, process.env))
}

/** @param projects of vitest.config.ts; without --project among the arguments they all run */
async function runTests(projects, files = []) {
  const { setup } = await load('src/setup/cli.ts')
  const given = process.argv.slice(2)
  const chosen = given.some((one) => one.startsWith('--project'))
    ? []
    : projects.flatMap((name) => ['--project', name])
  const status = await setup(PROJECT, process.env)
  if (status !== 0) return exitWith(status)
  // Beside the unit tests, which come first: it takes the processor time that they leave.
  const linting = lint({ nice: true })
  const tested = await run(bin('vitest'), ['run', ...chosen, ...files, ...given])
  exitWith(tested || (await linting))
  if (await linting) fail('Lint, types or circular imports failed: see above, or npm run lint.')
}

/** The unit tests on the oldest Node.js that the service runs on, and on the one that it installs. */
async function testNodes() {
  for (const folder of [join(PROJECT, 'test/nodes'), NODE_FOLDER]) {
    const isThere = () => findInstalledNode(folder) !== undefined
    if (!isThere() && !(await locked(async () => isThere() || installNode(folder)))) return
    const node = findInstalledNode(folder)
    await run(node, ['-p', "'Unit tests on Node.js ' + process.version"])
    const vitest = join(NODE_MODULES, 'vitest/vitest.mjs')
    const words = [vitest, 'run', '--project', 'unit', ...process.argv.slice(2)]
    const status = await run(node, words)
    if (status !== 0) return exitWith(status)
  }
}

/** All three at once: together they take little longer than the types alone. */
async function lint({ nice = false } = {}) {
  const madge = ['--circular', '--extensions', 'ts', '--no-spinner', 'src', 'cli', 'clients']
  const check = (name, args) =>
    nice ? run('nice', ['-n', '10', bin(name), ...args]) : run(bin(name), args)
  const statuses = await Promise.all([
    check('biome', ['check', '.']),
    check('tsc', ['--noEmit']),
    check('madge', madge),
  ])
  return statuses.find((status) => status !== 0) ?? 0
}

/** Installs a newer Node.js where this one is too old. */
async function ensureNode() {
  if (hasNode()) return true
  say(`Node.js ${process.versions.node} is older than ${MINIMUM_NODE}: installing a newer one`)
  return installNode(NODE_FOLDER)
}

async function installNode(folder) {
  // No script of a package is run: the binary itself is the package, and its checksum is in the lock.
  const status = await run(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    folder,
  )
  if (status === 0 && findInstalledNode(folder)) return true
  fail(
    `Node.js could not be installed with npm: check that npm reaches its registry, or install Node.js ${MINIMUM_NODE} or newer yourself.`,
  )
  return false
}

async function ensureDependencies() {
  if (hasDependencies()) return true
  say('npm dependencies: installing')
  // Without the stamp node_modules may be half of what an interruption left: start over. Not
  // `npm ci`, although this does the same: it refuses a lock file that lacks the optional packages
  // of other operating systems, and registries that mirror only a part make such lock files.
  rmSync(NODE_MODULES, { recursive: true, force: true })
  const status = await run('npm', [
    ...['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    '--include=dev',
  ])
  if (status !== 0) {
    fail('npm install failed: check that npm reaches its registry, then start again.')
    return false
  }
  writeFileSync(join(NODE_MODULES, STAMP), hashOf(LOCK_FILE))
  return true
}

/** Runs the same command on the newer Node.js, and ends as it ends. */
function runAgain() {
  // Should this process be killed, the kernel sends the child a SIGTERM: it never goes on alone.
  const words = ['--pdeathsig', 'TERM', '--', findInstalledNode(), ...process.execArgv]
  return run('setpriv', [...words, process.argv[1], command, ...process.argv.slice(2)])
}

function load(file) {
  return import(pathToFileURL(join(PROJECT, file)).href)
}

/** Runs to the end and returns the exit status; a signal to us goes on to the child. */
function run(file, args, cwd = PROJECT, descriptors = []) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd,
      stdio: ['inherit', 'inherit', 'inherit', ...descriptors],
    })
    const forward = (signal) => child.kill(signal)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward)
    const end = (status) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, forward)
      resolve(status)
    }
    child.on('error', (error) => {
      console.error(`${file}: ${error.message}`)
      end(127)
    })
    child.on('close', (code, signal) => end(signal ? 128 + constants.signals[signal] : code))
  })
}

function bin(name) {
  return join(NODE_MODULES, '.bin', name)
}

function hashOf(file) {
  const content = readFileSync(file)
  const head = `${file.slice(PROJECT.length)}:${content.length}:`
  return createHash('sha256').update(head).update(content).digest('hex')
}

function readStamp() {
  try {
    return readFileSync(join(NODE_MODULES, STAMP), 'utf8')
  } catch {
    return ''
  }
}

function say(text) {
  console.error(text)
}

function exitWith(status) {
  process.exitCode = status
}

function fail(text) {
  console.error(text)
  process.exitCode = 1
}
