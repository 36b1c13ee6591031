import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * Stand-ins for the two images that deploy/Dockerfile begins with, made without a registry: Debian by
 * mmdebstrap, and on it the Node.js that runs this test with the machine's npm. They have names of their
 * own, so that nothing else on this machine takes them for the real ones.
 */
export const DEBIAN_IMAGE = 'localhost/executor-manager-test/debian:bookworm-slim'
export const NODE_IMAGE = `localhost/executor-manager-test/node:${process.versions.node}`

/** As in Debian's own image for containers: an interrupted installation is thrown away with its layer. */
const NO_SYNC = 'echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"'

/** A machine behind a proxy that signs certificates itself names its authorities here. */
const AUTHORITIES = process.env.NODE_EXTRA_CA_CERTS
const TRUST = `ENV NODE_EXTRA_CA_CERTS=/usr/local/share/machine-ca.crt \\
    npm_config_cafile=/usr/local/share/machine-ca.crt \\
    PIP_CERT=/usr/local/share/machine-ca.crt
`

/** @throws Error when it cannot be had */
export function ensureDebianImage(): void {
  if (isThere(DEBIAN_IMAGE)) return
  inScratch((folder) => {
    const tar = path.join(folder, 'debian.tar')
    run('mmdebstrap', '--variant=minbase', `--customize-hook=${NO_SYNC}`, 'bookworm', tar)
    run('podman', 'import', tar, DEBIAN_IMAGE)
  })
}

/** @param flags with which podman works on this machine @throws Error when it cannot be had */
export function ensureNodeImage(flags: readonly string[]): void {
  if (isThere(NODE_IMAGE)) return
  inScratch((folder) => {
    const local = path.join(folder, 'local')
    for (const name of ['bin', 'lib/node_modules', 'share']) {
      mkdirSync(path.join(local, name), { recursive: true })
    }
    cpSync(process.execPath, path.join(local, 'bin/node'))
    cpSync(npmFolder(), path.join(local, 'lib/node_modules/npm'), { recursive: true })
    if (AUTHORITIES) cpSync(AUTHORITIES, path.join(local, 'share/machine-ca.crt'))
    const file = path.join(folder, 'Containerfile')
    writeFileSync(
      file,
      `FROM ${DEBIAN_IMAGE}\nCOPY local/ /usr/local/\n${AUTHORITIES ? TRUST : ''}` +
        'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm\n',
    )
    run('podman', 'build', ...flags, '--pull=never', '-f', file, '-t', NODE_IMAGE, folder)
  })
}

function isThere(image: string): boolean {
  return spawnSync('podman', ['image', 'exists', image]).status === 0
}

function npmFolder(): string {
  const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()
  return path.dirname(path.dirname(realpathSync(npm)))
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: 'pipe' })
}

function inScratch(work: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'base-image-'))
  try {
    work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
