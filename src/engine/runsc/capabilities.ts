/**
 * Says what a runsc binary can do, in one table. Command lines, specs and the set-up read this table and
 * never compare versions. Dates are those of gVisor's releases (release-YYYYMMDD.N). Where a flag tells the
 * same, the table reads the flag.
 */

import { runscDate } from './runsc-version.ts'

/** What was read from a binary; see src/setup/runsc-probe.ts. */
export interface RunscFacts {
  /** "release-20260905.0" from gVisor itself, "0.0~20240729.0" from Debian. */
  readonly version: string
  /** The top-level flags that `runsc flags` tells, without dashes. */
  readonly flags: readonly string[]
}

export interface Capabilities {
  /**
   * Its gofers share one network namespace, which it pins by a mount in `--shared-root`. By default
   * that is `--root`: a mount in the folder of each sandbox.
   */
  readonly sharedRoot: boolean
  /** Programs in `gvisor-bin/` beside it do a part of its work; releases after 2026-09 need them. */
  readonly sidecars: boolean
  /** Its root file system can be an EROFS file, which needs no gofer, and programs run right from it. */
  readonly erofsRoot: boolean
  /** It takes any network namespace for the host's wherever /proc/sys/net/core/rmem_default exists. */
  readonly confusesNetworks: boolean
}

/**
 * The first release of each. EROFS: root file systems can be mounted since 2023, but programs crashed
 * where an instruction crosses into a page that was only read before (fixed in 20240930), and folders
 * of more than a block or with padded names could not be read (20260504).
 */
const SINCE = {
  rightNetworkCheck: 20240807,
  erofsRoot: 20260504,
}

/** Derives what a binary can do. Of a binary without a date, only what its flags tell. */
export function capabilitiesOf({ version, flags }: RunscFacts): Capabilities {
  const date = runscDate(version) ?? 0
  return {
    sharedRoot: flags.includes('shared-root'),
    sidecars: flags.includes('sidecar-usage-policy'),
    erofsRoot: date >= SINCE.erofsRoot,
    confusesNetworks: date < SINCE.rightNetworkCheck,
  }
}
