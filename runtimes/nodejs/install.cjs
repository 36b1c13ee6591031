/**
 * Installs the libraries of a template, in a sandbox that reaches the package registry and nothing else.
 *
 * Run as `node install.cjs MANIFEST INDEX`: a package.json with or without a package-lock.json beside it, and the path of the
 * registry behind the socket `/run/index/socket`. Standard output is for the manager alone: see
 * src/templates/layer-stream.ts. What npm says goes to standard error.
 */
'use strict'

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')

const NPM = '/run/tools/node_modules/npm/bin/npm-cli.js'
const SOCKET = '/run/index/socket'
const PROJECT = '/workspace/project'
/** For tools and editors: nothing that a program loads. */
const UNNEEDED = /\.d\.[cm]?ts$|\.map$/

function write(bytes) {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

function tell(head, content = Buffer.alloc(0)) {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  write(Buffer.concat([length, text]))
  write(content)
}

/** A port of this sandbox that leads to the manager's socket. */
function relay() {
  const server = net.createServer((near) => {
    const far = net.connect(SOCKET)
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

/** Copies the manifest; a lock without the addresses in it, which are those of whoever made it. */
function prepare(manifest) {
  fs.mkdirSync(PROJECT, { recursive: true })
  const { dependencies, optionalDependencies, overrides } = JSON.parse(fs.readFileSync(manifest))
  const plain = { name: 'template', private: true, dependencies, optionalDependencies, overrides }
  fs.writeFileSync(`${PROJECT}/package.json`, JSON.stringify(plain))
  const file = path.join(path.dirname(manifest), 'package-lock.json')
  if (!fs.existsSync(file)) return false
  const lock = JSON.parse(fs.readFileSync(file))
  for (const one of Object.values(lock.packages ?? {})) {
    delete one.resolved
    delete one.devDependencies
  }
  lock.name = 'template'
  if (lock.packages?.['']) lock.packages[''].name = 'template'
  fs.writeFileSync(`${PROJECT}/package-lock.json`, JSON.stringify(lock))
  return true
}

function npm(isLocked, registry) {
  const options = ['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--no-bin-links']
  const words = [NPM, isLocked ? 'ci' : 'install', ...options, `--registry=${registry}`]
  words.push(
    '--cache=/workspace/cache',
    '--no-update-notifier',
    '--fetch-retries=2',
    '--no-progress',
  )
  const env = { PATH: process.env.PATH, HOME: '/workspace', npm_config_userconfig: '/dev/null' }
  const child = spawn(process.execPath, words, {
    cwd: PROJECT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said = (said + text).slice(-16_000)
      process.stderr.write(text)
    })
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })))
}

function tellLayer(modules, folder = '') {
  for (const entry of fs.readdirSync(path.join(modules, folder), { withFileTypes: true })) {
    const name = path.join(folder, entry.name)
    if (entry.name === '.bin' || name === '.package-lock.json' || UNNEEDED.test(entry.name))
      continue
    if (entry.isDirectory()) tellLayer(modules, name)
    if (!entry.isFile()) continue
    const content = fs.readFileSync(path.join(modules, name))
    tell({ kind: 'file', path: name, size: content.length, executable: false }, content)
  }
}

/** Versions of what the template asks for, and all top-level folders, which take the place of the image's own. */
function installed(modules) {
  const names = Object.keys(
    JSON.parse(fs.readFileSync(`${PROJECT}/package.json`)).dependencies ?? {},
  )
  const libraries = {}
  for (const name of names) {
    libraries[name] = String(
      JSON.parse(fs.readFileSync(path.join(modules, name, 'package.json'))).version,
    )
  }
  const replaces = fs.readdirSync(modules).flatMap((name) => {
    if (name.startsWith('.')) return []
    if (!name.startsWith('@')) return [name]
    return fs.readdirSync(path.join(modules, name)).map((one) => `${name}/${one}`)
  })
  return { libraries, replaces }
}

function whyItFailed(said) {
  const lines = said.split('\n').filter((line) => /^npm (error|ERR!)/.test(line))
  const plain = lines.map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim())
  const told = plain.filter(
    (line) => line && !/^(A complete log|\/workspace|code |errno )/.test(line),
  )
  return (
    told.slice(0, 8).join(' ') ||
    said.trim().slice(-500) ||
    'npm ended without a word'
  ).slice(0, 4000)
}

async function main([manifest, index]) {
  const server = await relay()
  const isLocked = prepare(manifest)
  tell({ kind: 'progress', text: 'npm packages' })
  const { code, said } = await npm(isLocked, `http://127.0.0.1:${server.address().port}${index}`)
  if (code !== 0) return tell({ kind: 'failed', why: whyItFailed(said) })
  const modules = `${PROJECT}/node_modules`
  fs.mkdirSync(modules, { recursive: true })
  tellLayer(modules)
  tell({ kind: 'done', ...installed(modules) })
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    tell({ kind: 'failed', why: String(error.stack).slice(0, 2000) })
    process.exit(1)
  },
)
