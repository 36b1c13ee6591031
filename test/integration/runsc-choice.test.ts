import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import type { Installation, InstalledRuntime } from '../../src/engine/runsc/installation.ts'
import { probePlatform } from '../../src/engine/runsc/platform.ts'
import { findInstallation } from '../../src/setup/install.ts'
import { describeRunsc, findRunsc } from '../../src/setup/runsc.ts'
import { startService } from '../support/service.ts'

const { home, projectDir } = readConfig({
  EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME,
})
const real = findRunsc(home)

test('the service runs on the runsc that the setting names, and tells its age', async () => {
  const named = wrapper('exec "$runsc" "$@"')
  const service = await startService({
    EXECUTOR_MANAGER_RUNSC: named,
    EXECUTOR_MANAGER_LOG_LEVEL: 'info',
    EXECUTOR_MANAGER_SNAPSHOTS: 'false',
  })
  const line = service
    .output()
    .split('\n')
    .find((text) => text.includes(`"runsc":"${named}"`))
  expect(line).toMatch(/runsc \S+20\d{6}\S*, (\d+ days old|older than a year: holes found)/)
  const answer = await service.client.run('bash', 'echo ran')
  expect(answer).toMatchObject({ status: 'success', stdout: 'ran\n' })
})

test('a runsc that starts nothing without the programs beside it: one sentence, the remedy', async () => {
  // A current one says so itself where its policy is strict; an older one has no such programs.
  const strict = real?.capabilities.sidecars
    ? 'GVISOR_SIDECAR_BINARIES_DIR=/nowhere exec "$runsc" --sidecar-usage-policy=STRICT "$@"'
    : 'echo \'sidecar "gvisor_sentry" not usable\' >&2; exit 128'
  const runscPath = wrapper(`case "$1" in --version|flags) exec "$runsc" "$@";; esac; ${strict}`)
  const runsc = describeRunsc(runscPath, path.dirname(runscPath))
  const installed = findInstallation(home, path.join(projectDir, 'runtimes'))
  const { rootfs } = (installed as Installation).runtimes[0] as InstalledRuntime
  const probe = probePlatform({
    ...(runsc as NonNullable<typeof runsc>),
    rootfs,
    home: path.dirname(runscPath),
  })
  await expect(probe).rejects.toThrow(
    /starts nothing without the other programs of its release: unpack .* GVISOR_SIDECAR_BINARIES_DIR/,
  )
})

/** A script that becomes the runsc in use. @returns its path */
function wrapper(text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-choice-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'runsc')
  writeFileSync(file, `#!/bin/sh\nrunsc='${real?.runscPath}'\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}
