import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { readConfig } from '../../../src/config.ts'
import { scaledMs } from '../../../src/lib/time-scale.ts'
import { useManager } from '../../support/manager.ts'

/** What one run leaves in the host's caches, and whether another one can tell. */
vi.setConfig({ testTimeout: scaledMs(240_000) })
const client = useManager({ runtimes: ['python'], limits: { wallTimeMs: 20_000 } })

/** Of 39 MB, and no runtime loads it beforehand. */
const LIBRARY = 'usr/local/lib/python3.*/dist-packages/pyarrow/libarrow.so.*'

test('memory_used_kb does not tell whether another run had read a library file', async () => {
  const { home } = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME })
  const onHost = globSync(path.join(home, 'images/python-*/rootfs', LIBRARY))[0] as string
  const inside = onHost.slice(onHost.indexOf('/rootfs') + '/rootfs'.length)
  const code = `
def main():
    size = 0
    with open("${inside}", "rb") as file:
        while chunk := file.read(1 << 20):
            size += len(chunk)
    return size`
  const measure = async () => {
    const answer = await client.run('python', code)
    expect(answer).toMatchObject({ status: 'success' })
    expect(answer.result?.value).toBeGreaterThan(25_000_000)
    return answer.memory_used_kb as number
  }
  execFileSync('dd', [`if=${onHost}`, 'iflag=nocache', 'count=0', 'status=none'])
  const first = await measure()
  const second = await measure()
  // Counted with the page cache they differ by the size of the file.
  expect(Math.abs(first - second)).toBeLessThanOrEqual(8192)
})
