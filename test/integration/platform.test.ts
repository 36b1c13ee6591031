import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { probePlatform } from '../../src/engine/runsc/platform.ts'

/** A runsc that runs everything, but not with systrap as long as there is a file `busy`. */
function moodyRunsc() {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-platform-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const runscPath = path.join(folder, 'runsc')
  const busy = path.join(folder, 'busy')
  const script = `#!/bin/sh\ncase "$*" in *=systrap*) [ ! -e '${busy}' ] ;; esac\n`
  writeFileSync(runscPath, script, { mode: 0o755 })
  const input = { runscPath, runscVersion: '0', sidecars: null, rootfs: '/', home: folder }
  return {
    probe: (keep = true) => probePlatform(input, keep),
    setBusy: (is: boolean) => (is ? writeFileSync(busy, '') : rmSync(busy)),
    files: () => readdirSync(folder).sort(),
  }
}

test('systrap that failed once is tried again, systrap that worked is remembered', async () => {
  const runsc = moodyRunsc()
  runsc.setBusy(true)
  expect(await runsc.probe()).toBe('ptrace')
  runsc.setBusy(false)
  expect(await runsc.probe()).toBe('systrap')
  runsc.setBusy(true)
  expect(await runsc.probe()).toBe('systrap')
})

test('a look leaves nothing in the data folder', async () => {
  const runsc = moodyRunsc()
  expect(await runsc.probe(false)).toBe('systrap')
  expect(runsc.files()).toEqual(['runsc'])
})
