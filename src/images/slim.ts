/**
 * Turns a newly installed root file system into an image. It removes what only the installation needed, what names
 * a host, and every way to gain rights; it adds the files that every sandbox expects.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { NAME_SERVER } from '../network/address-block.ts'
import { BASE_REMOVED_PACKAGES } from './base-system.ts'
import { runInImage } from './chroot.ts'

/** Packages for installing, logging in and administering: useless or a risk in a sandbox. */
const REMOVED_PACKAGES = [
  ...['dpkg', 'debconf', 'perl-base', 'base-passwd', 'init-system-helpers', 'sysvinit-utils'],
  ...['login', 'passwd', 'libpam-modules', 'libpam-modules-bin', 'libpam-runtime', 'libpam0g'],
  ...['mount', 'util-linux', 'util-linux-extra', 'adduser', 'openssl'],
]

const REMOVED_PATHS = [
  ...['/var/lib/*', '/var/cache/*', '/var/log/*', '/var/backups', '/var/mail', '/var/spool'],
  ...['/etc/apt', '/etc/dpkg', '/etc/pam.conf', '/etc/pam.d', '/etc/security', '/etc/init.d'],
  ...['/etc/rc?.d', '/etc/cron*', '/etc/systemd', '/etc/update-motd.d', '/etc/motd', '/etc/issue*'],
  ...['/etc/shadow*', '/etc/gshadow*', '/etc/passwd-', '/etc/group-', '/etc/subuid*'],
  ...['/etc/subgid*', '/etc/login.defs', '/etc/logrotate.d', '/etc/fstab', '/etc/skel'],
  ...['/etc/default', '/etc/perl', '/etc/.pwd.lock', '/etc/hostname', '/run/*', '/root/.*'],
  ...['/home/*', '/boot', '/media', '/mnt', '/srv', '/opt', '/tmp/*', '/usr/games'],
  ...['/usr/share/pam*', '/usr/share/common-licenses', '/usr/share/polkit-1', '/usr/share/menu'],
  ...['/usr/share/doc-base', '/usr/share/perl*', '/usr/share/dpkg', '/usr/share/debconf'],
  ...['/usr/share/doc', '/usr/share/man', '/usr/share/info', '/usr/share/lintian'],
  ...['/usr/share/locale', '/usr/share/bug', '/usr/share/pixmaps', '/usr/share/javascript'],
  ...['/usr/include', '/usr/lib/systemd', '/usr/lib/init', '/usr/lib/apt', '/usr/lib/dpkg'],
]

const FOLDERS = ['/workspace', '/tmp', '/dev/shm', '/proc', '/sys', '/run', '/var/tmp', '/root']

/** OpenSSL looks for certificates here. The link belongs to the package openssl, which is removed. */
const LINKS: Record<string, string> = { '/usr/lib/ssl/certs': '/etc/ssl/certs' }

const FILES: Record<string, string> = {
  '/etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
  // Without a network the address is unreachable, and lookups fail at once.
  '/etc/resolv.conf': `nameserver ${NAME_SERVER}\n`,
  '/etc/machine-id': '',
  '/etc/passwd':
    'root:x:0:0:root:/root:/usr/sbin/nologin\n' +
    'nobody:x:65534:65534:nobody:/workspace:/usr/sbin/nologin\n',
  '/etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
}

/** Removes packages and paths. Returns the packages that were installed before ("name version" each). */
export async function slim(
  rootfs: string,
  extraPackages: string[],
  prune: string[],
): Promise<string[]> {
  const packages = installedPackages(rootfs)
  removePackageFiles(rootfs, [...REMOVED_PACKAGES, ...BASE_REMOVED_PACKAGES, ...extraPackages])
  const patterns = [...REMOVED_PATHS, ...prune].join(' ')
  // The image's own bash deletes them in a chroot, so no link in the tree leads to files outside.
  await runInImage(rootfs, `shopt -s globstar nullglob; rm -rf -- ${patterns}`, {
    purpose: 'Removing what the image does not need',
    remedy: "Check the prune patterns in the runtime's runtime.json.",
  })
  return packages
}

/**
 * Writes identity files, mount points and modes. Call it after every command that may have written files.
 * @returns the bytes on disk
 */
export function seal(rootfs: string): { sizeBytes: number } {
  // The sandbox provides device nodes and temporary files.
  for (const folder of ['dev', 'run', 'tmp', 'var/tmp']) {
    for (const name of namesIn(join(rootfs, folder))) {
      rmSync(join(rootfs, folder, name), { recursive: true, force: true })
    }
  }
  for (const folder of FOLDERS) mkdirSync(join(rootfs, folder), { recursive: true })
  for (const [path, content] of Object.entries(FILES)) {
    rmSync(join(rootfs, path), { force: true })
    writeFileSync(join(rootfs, path), content, { mode: 0o644 })
  }
  for (const [path, target] of Object.entries(LINKS)) {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true })
    rmSync(join(rootfs, path), { force: true })
    symlinkSync(target, join(rootfs, path))
  }
  for (const folder of ['tmp', 'var/tmp', 'dev/shm']) chmodSync(join(rootfs, folder), 0o1777)
  chmodSync(rootfs, 0o755)
  return { sizeBytes: dropPrivilegeBits(rootfs) }
}

function installedPackages(rootfs: string): string[] {
  const status = readFileSync(join(rootfs, 'var/lib/dpkg/status'), 'utf8')
  return status.split('\n\n').flatMap((paragraph) => {
    const name = /^Package: (.+)$/m.exec(paragraph)?.[1]
    const version = /^Version: (.+)$/m.exec(paragraph)?.[1]
    return name ? [`${name} ${version}`] : []
  })
}

/** Deletes the packages' files as dpkg's lists name them, except files that another package lists too. */
function removePackageFiles(rootfs: string, packages: string[]): void {
  const info = join(rootfs, 'var/lib/dpkg/info')
  const unwanted = new Set(packages)
  const doomed = new Set<string>()
  const kept = new Set<string>()
  for (const file of readdirSync(info).filter((name) => name.endsWith('.list'))) {
    const target = unwanted.has(basename(file, '.list').replace(/:.*/, '')) ? doomed : kept
    for (const path of readFileSync(join(info, file), 'utf8').split('\n')) target.add(path)
  }
  const root = realpathSync(rootfs)
  for (const path of doomed) {
    if (path === '' || kept.has(path)) continue
    const file = join(root, path)
    if (!existsSync(dirname(file))) continue
    // A listed path may lead through a link (/bin is one). It is followed, but never out of the tree.
    const real = join(realpathSync(dirname(file)), basename(file))
    if (!real.startsWith(`${root}/`)) continue
    const stats = lstatSync(real, { throwIfNoEntry: false })
    if (stats && !stats.isDirectory()) unlinkSync(real)
  }
}

/** Clears setuid, setgid and world-writable bits. Returns the bytes on disk; hard links count once. */
export function dropPrivilegeBits(rootfs: string): number {
  const counted = new Set<number>()
  let sizeBytes = 0
  const visit = (path: string) => {
    const stats = lstatSync(path)
    if (!counted.has(stats.ino)) sizeBytes += stats.blocks * 512
    counted.add(stats.ino)
    if (stats.isSymbolicLink()) return
    const sticky = stats.isDirectory() && (stats.mode & 0o1000) !== 0
    const mode = stats.mode & 0o7777 & ~(sticky ? 0o6000 : 0o6002)
    if (mode !== (stats.mode & 0o7777)) chmodSync(path, mode)
    if (stats.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name))
  }
  visit(rootfs)
  return sizeBytes
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
