/**
 * The OCI runtime spec of a sandbox, as a pure function.
 * Source: https://github.com/opencontainers/runtime-spec (config.md, config-linux.md). What runsc
 * ignores of it (maskedPaths, readonlyPaths) is left out.
 */

/** What differs between sandboxes. */
export interface SandboxShape {
  /** Absolute path of the read-only root file system. */
  readonly rootfs: string
  /** The same as one EROFS file; null: it is served from the folder. */
  readonly rootImage: string | null
  /** Whether it is started in a network namespace made for it. */
  readonly hasNetwork: boolean
  /** argv of the supervisor, the runner's included. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The user of all processes in the sandbox, the supervisor included; by default `nobody`. */
  readonly uid?: number
  /** It may become root inside: it has capabilities, and may write to its root file system; false by default. */
  readonly hasRoot?: boolean
  /** Size of each of /tmp and /var/tmp. */
  readonly tmpBytes?: number
  /** The writable folder that programs start in; `/workspace` by default. */
  readonly workspace?: string
  readonly workspaceBytes: number
  /** Processes and threads together, by RLIMIT_NPROC of the guest. */
  readonly processes: number
  readonly openFiles: number
}

/** nobody and nogroup. No file of an image belongs to them. */
export const GUEST_UID = 65_534
export const HOSTNAME = 'sandbox'

const TMP_BYTES = 64 * 1024 ** 2
const SHM_BYTES = 64 * 1024 ** 2

/** clone(2)'s flags for new namespaces: user, mount, uts, ipc, pid, net, cgroup. */
const CLONE_NAMESPACES = [
  0x1000_0000, 0x2_0000, 0x400_0000, 0x800_0000, 0x2000_0000, 0x4000_0000, 0x200_0000,
]
const EPERM = 1

/**
 * System calls refused inside. gVisor implements them safely, but a user namespace gives
 * capabilities back, which lift the process limit and allow mounts of any size; the rest has no use
 * in a program that lives for seconds. clone is refused with any flag of a namespace: gVisor 20240729
 * makes a mount namespace without asking for a capability. Names that a runsc does not know are no rule to
 * it, as it does not have the call either. clone3 hides its flags in memory, where
 * seccomp cannot see them; libc falls back to clone on ENOSYS. runsc 20240729 ignores errnoRet and
 * answers EPERM, so ENOSYS comes from SCMP_ACT_TRACE, which is just that as long as there is no tracer
 * (seccomp(2)).
 */
const SECCOMP = {
  defaultAction: 'SCMP_ACT_ALLOW',
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_AARCH64'],
  syscalls: [
    {
      names: [
        'unshare',
        'setns',
        'mount',
        'umount2',
        'open_tree',
        'open_tree_attr',
        'move_mount',
        'mount_setattr',
        'fsopen',
        'fsconfig',
        'fsmount',
        'fspick',
        'pivot_root',
        'chroot',
        'ptrace',
        'process_vm_readv',
        'process_vm_writev',
        'add_key',
        'request_key',
        'keyctl',
        'bpf',
        'io_uring_setup',
        'userfaultfd',
        'perf_event_open',
      ],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPERM,
    },
    ...CLONE_NAMESPACES.map((flag) => ({
      names: ['clone'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPERM,
      args: [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }],
    })),
    { names: ['clone3'], action: 'SCMP_ACT_TRACE' },
  ],
}

/**
 * Of root inside, where a template has it: to own files and act for other users. None of them makes gVisor's kernel
 * do more for the guest than file and process rights; mounts, devices, raw sockets and tracing stay refused.
 */
const ROOT_CAPABILITIES = [
  ...['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL'],
  ...['CAP_SETGID', 'CAP_SETUID', 'CAP_NET_BIND_SERVICE'],
]

/** Returns the config.json of a sandbox's bundle. */
export function sandboxSpec(shape: SandboxShape): object {
  const { uid = GUEST_UID, workspace = '/workspace', hasRoot = false, tmpBytes = TMP_BYTES } = shape
  const capabilities = hasRoot ? ROOT_CAPABILITIES : []
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: hasRoot ? { uid: 0, gid: 0 } : { uid, gid: uid },
      args: shape.args,
      env: Object.entries({
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: workspace,
        LANG: 'C.UTF-8',
        ...shape.env,
      }).map(([name, value]) => `${name}=${value}`),
      cwd: workspace,
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        inheritable: [],
        permitted: capabilities,
        ambient: [],
      },
      noNewPrivileges: true,
      rlimits: [
        rlimit('RLIMIT_NPROC', shape.processes),
        rlimit('RLIMIT_NOFILE', shape.openFiles),
        rlimit('RLIMIT_CORE', 0),
      ],
    },
    root: { path: shape.rootfs, readonly: !hasRoot },
    hostname: HOSTNAME,
    ...(shape.rootImage === null ? {} : { annotations: rootImageAnnotations(shape.rootImage) }),
    mounts: [
      {
        destination: '/proc',
        type: 'proc',
        source: 'proc',
        options: ['nosuid', 'nodev', 'noexec'],
      },
      tmpfs(workspace, shape.workspaceBytes, `mode=0755,uid=${uid},gid=${uid}`),
      tmpfs('/tmp', tmpBytes, 'mode=1777'),
      tmpfs('/var/tmp', tmpBytes, 'mode=1777'),
      tmpfs('/dev/shm', SHM_BYTES, 'mode=1777'),
    ],
    linux: {
      namespaces: [
        ...['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
        // The one that runsc is started in has been made for this sandbox; else runsc makes one.
        { type: 'network', ...(shape.hasNetwork ? { path: '/proc/self/ns/net' } : {}) },
      ],
      seccomp: SECCOMP,
    },
  }
}

/** Source: g3doc/user_guide/filesystem.md of gVisor, "EROFS rootfs". */
function rootImageAnnotations(file: string): Record<string, string> {
  return { 'dev.gvisor.spec.rootfs.source': file, 'dev.gvisor.spec.rootfs.type': 'erofs' }
}

function rlimit(type: string, value: number): object {
  return { type, hard: value, soft: value }
}

/** runsc passes only size, mode, uid and gid on: no number of files can be set (nr_inodes). */
function tmpfs(destination: string, sizeBytes: number, options: string): object {
  return {
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', `size=${sizeBytes}`, ...options.split(',')],
  }
}
