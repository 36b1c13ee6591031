import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import path from 'node:path'

/**
 * The peak of a cgroup's memory since a reset, on cgroup v2. Since Linux 6.12 a write to memory.peak
 * resets it for reads through the same descriptor (cgroup-v2.rst), so one is kept open.
 *
 * Before Linux 6.12 memory.peak is the peak since the cgroup was made. When it has risen after the reset, it
 * is also the peak since the reset. Otherwise the memory in use now is returned, a lower bound.
 */
export class PeakMemory {
  readonly #file: string
  readonly #inUse: () => number
  readonly #open: typeof openSync
  #fd: number | null = null
  /** The peak at the time of the reset; 0 when the kernel itself has reset it. */
  #before = 0

  /** @param inUse returns the bytes in use now */
  constructor(folder: string, inUse: () => number, open = openSync) {
    this.#open = open
    this.#file = path.join(folder, 'memory.peak')
    this.#inUse = inUse
  }

  /**
   * Begins a new peak.
   * @throws Error when no descriptor is free
   */
  reset(): void {
    this.close()
    const fd = openForReset(this.#file, this.#open)
    if (fd === null) {
      this.#before = this.#read()
      return
    }
    this.#fd = fd
    this.#before = 0
    writeSync(fd, 'reset')
  }

  /** Returns the peak since the last reset, or a lower bound of it. */
  bytes(): number {
    const peak = this.#read()
    return peak > this.#before ? peak : Math.min(peak, this.#inUse())
  }

  /** Closes the descriptor. May be called again. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }

  /** Reads memory.peak; 0 when the cgroup is gone, or the kernel (before 5.19) has no such file. */
  #read(): number {
    const opened = this.#fd === null ? openOrNull(this.#open, this.#file, 'r', GONE) : null
    const fd = this.#fd ?? opened
    if (fd === null) return 0
    try {
      const text = Buffer.alloc(32)
      return Number(text.toString('utf8', 0, readSync(fd, text, 0, text.length, 0)))
    } catch (error) {
      if (GONE.includes((error as NodeJS.ErrnoException).code ?? '')) return 0
      throw error
    } finally {
      if (opened !== null) closeSync(opened)
    }
  }
}

/** What follows for the operator where canResetPeak() is false. */
export const INEXACT_PEAK =
  'this kernel cannot reset memory.peak, so memory_used_kb of a run can be too low'

/** Tells whether this kernel can reset memory.peak, by trying it in a folder of cgroup v2. */
export function canResetPeak(folder: string): boolean {
  const fd = openForReset(path.join(folder, 'memory.peak'))
  if (fd !== null) closeSync(fd)
  return fd !== null
}

const GONE = ['ENOENT', 'ENODEV']
/** Codes with which the kernel refuses to open a file of cgroupfs that cannot be written. */
const READ_ONLY = ['EINVAL', 'EACCES']

function openForReset(file: string, open = openSync): number | null {
  return openOrNull(open, file, 'r+', [...GONE, ...READ_ONLY])
}

function openOrNull(
  open: typeof openSync,
  file: string,
  flags: string,
  accepted: readonly string[],
): number | null {
  try {
    return open(file, flags)
  } catch (error) {
    if (accepted.includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}
