#!/usr/bin/env node
/**
 * The command `executor-manager`. Plain JavaScript without dependencies that an old Node.js understands: where
 * this one is too old for TypeScript, the command goes on in a child that runs on the newer one that the
 * project installs.
 */
import { spawn, spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { findInstalledNode, isNewEnough } from '../scripts/node.mjs'

const BOOTSTRAP = fileURLToPath(new URL('../scripts/bootstrap.mjs', import.meta.url))
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
/** Commands of the machine that serves: the same as by npm. */
const OF_THE_SERVICE = { serve: 'start', doctor: 'doctor', setup: 'setup', template: 'template' }

const [command = '', ...words] = process.argv.slice(2)
const isHelp = words.includes('--help') || words.includes('-h')
if (Object.hasOwn(OF_THE_SERVICE, command) && !isHelp) {
  process.argv.splice(1, 2, BOOTSTRAP, OF_THE_SERVICE[command])
  await import(BOOTSTRAP)
} else if (isNewEnough(process.versions.node)) {
  await import(MAIN)
} else {
  const node = findInstalledNode() ?? installNode()
  if (node) goOn(node)
  else process.exitCode = 125
}

function installNode() {
  // What it says is not output of this command.
  spawnSync(process.execPath, [BOOTSTRAP, 'prepare'], { stdio: ['ignore', 2, 2] })
  return findInstalledNode()
}

/** Ends as the child ends. */
function goOn(node) {
  const child = spawn(node, [MAIN, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`${node}: ${error.message}`)
    process.exitCode = 125
  })
  child.on('close', (code, signal) => {
    process.exitCode = signal ? 128 + constants.signals[signal] : code
  })
}
