/**
 * The Node.js that runs the service: this process's own where it is new enough to run TypeScript as
 * it is, else the one that npm installs from the exact version and checksum in scripts/node/.
 * Plain JavaScript: an older Node.js runs this file.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The first release of its line that runs TypeScript without a flag. */
export const MINIMUM_NODE = '22.18.0'
/** The folder whose package.json names the Node.js to install. */
export const NODE_FOLDER = fileURLToPath(new URL('./node', import.meta.url))

/**
 * Says whether a version of Node.js can run the service.
 * @param {string} version such as process.versions.node
 */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [minimumMajor = 0, minimumMinor = 0] = MINIMUM_NODE.split('.').map(Number)
  return major > minimumMajor || (major === minimumMajor && minor >= minimumMinor)
}

/**
 * Finds the Node.js that npm installed, in the version that a folder's package.json names now.
 * @param {string} [folder] scripts/node/, or another one like it
 * @returns its path, or undefined when it is not installed completely
 */
export function findInstalledNode(folder = NODE_FOLDER) {
  const name = `node-linux-${process.arch}`
  const wanted = versionIn(`${folder}/package-lock.json`, name)
  // npm writes this list when everything else is in place.
  const present = versionIn(`${folder}/node_modules/.package-lock.json`, name)
  const isThere = wanted !== undefined && wanted === present
  return isThere ? `${folder}/node_modules/${name}/bin/node` : undefined
}

/** @returns {string | undefined} */
function versionIn(lockFile, name) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages[`node_modules/${name}`]?.version
  } catch {
    return undefined
  }
}
