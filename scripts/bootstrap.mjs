/**
 * The one way into everything: `npm start`, `npm test` and the others land here. Plain JavaScript
 * without dependencies, for on a fresh clone there is nothing else yet. It brings node_modules and
 * dist/ up to date, then goes on in this very process, so that signals reach the right one.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const NODE_MODULES = join(PROJECT, 'node_modules')
const DIST = join(PROJECT, 'dist')
const STAMP = '.executor-manager-stamp'
const MINIMUM_NODE = 20

const COMMANDS = {
  start: () => load('src/main.js'),
  setup: runSetup,
  doctor: async () => exitWith(await (await load('src/setup/cli.js')).doctor(PROJECT, process.env)),
  bench: () => load('bench/main.js'),
  snapshot: () => load('src/snapshot-cli.js'),
  lint: async () => exitWith(await lint()),
  test: runTests,
}

const command = process.argv[2] ?? ''
// What follows sees its own arguments only.
process.argv.splice(2, 1)

if (!Object.hasOwn(COMMANDS, command)) {
  fail(`Say what to do: node scripts/bootstrap.mjs ${Object.keys(COMMANDS).join('|')}`)
} else if (process.platform !== 'linux') {
  fail('The executor manager runs on Linux only: gVisor needs its kernel.')
} else if (Number.parseInt(process.versions.node, 10) < MINIMUM_NODE) {
  fail(`Node.js ${MINIMUM_NODE} or newer is needed, this is ${process.versions.node}.`)
} else {
  process.chdir(PROJECT)
  if ((await ensureDependencies()) && (await ensureBuild())) await COMMANDS[command]()
}

async function runSetup() {
  exitWith(await (await load('src/setup/cli.js')).setup(PROJECT, process.env))
}

async function runTests() {
  const { setup } = await load('src/setup/cli.js')
  const status =
    (await setup(PROJECT, process.env)) ||
    (await lint()) ||
    (await run(bin('vitest'), ['run', ...process.argv.slice(2)]))
  exitWith(status)
}

async function lint() {
  return (
    (await run(bin('biome'), ['check', '.'])) ||
    (await run(bin('tsc'), ['--noEmit'])) ||
    (await run(bin('madge'), ['--circular', '--extensions', 'ts', '--no-spinner', 'src']))
  )
}

async function ensureDependencies() {
  const wanted = hashOf([join(PROJECT, 'package-lock.json')])
  if (readStamp(NODE_MODULES) === wanted) return true
  say('npm dependencies: installing')
  // Without the stamp node_modules may be half of what an interruption left: start over. Not
  // `npm ci`, although this does the same: it refuses a lock file that lacks the optional packages
  // of other operating systems, and registries that mirror only a part make such lock files.
  remove(NODE_MODULES)
  const status = await run('npm', [
    ...['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    '--include=dev',
  ])
  if (status !== 0) {
    fail('npm install failed: check that npm reaches its registry, then start again.')
    return false
  }
  writeFileSync(join(NODE_MODULES, STAMP), wanted)
  return true
}

async function ensureBuild() {
  const configs = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
  const sources = ['src', 'bench'].flatMap((folder) => filesIn(join(PROJECT, folder)))
  const wanted = hashOf([...configs.map((name) => join(PROJECT, name)), ...sources])
  if (readStamp(DIST) === wanted) return true
  say('compiling')
  for (const name of readdirSync(PROJECT)) if (isLeftover(name)) remove(join(PROJECT, name))
  // Beside dist/ and renamed at the end: an interruption never leaves half a build.
  const fresh = `${DIST}.${process.pid}`
  const status = await run(bin('tsc'), ['-p', 'tsconfig.build.json', '--outDir', fresh])
  if (status !== 0) {
    remove(fresh)
    fail('The sources do not compile: see the messages above.')
    return false
  }
  writeFileSync(join(fresh, STAMP), wanted)
  remove(DIST)
  renameSync(fresh, DIST)
  return true
}

/** dist.<pid> of a bootstrap that no longer runs. */
function isLeftover(name) {
  const pid = /^dist\.(\d+)$/.exec(name)?.[1]
  return pid !== undefined && !existsSync(`/proc/${pid}`)
}

function load(file) {
  return import(pathToFileURL(join(DIST, file)).href)
}

/** Runs to the end and returns the exit status; a signal to us goes on to the child. */
function run(file, args) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: PROJECT, stdio: 'inherit' })
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
    child.on('close', (code, signal) => end(signal ? 130 : code))
  })
}

function bin(name) {
  return join(NODE_MODULES, '.bin', name)
}

function filesIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? filesIn(join(folder, entry.name)) : [join(folder, entry.name)],
    )
    .sort()
}

function hashOf(files) {
  const hash = createHash('sha256')
  for (const file of files) {
    const content = readFileSync(file)
    hash.update(`${file.slice(PROJECT.length)}:${content.length}:`).update(content)
  }
  return hash.digest('hex')
}

function readStamp(folder) {
  try {
    return readFileSync(join(folder, STAMP), 'utf8')
  } catch {
    return ''
  }
}

function remove(path) {
  rmSync(path, { recursive: true, force: true })
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
