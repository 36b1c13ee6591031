import { describe, expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { useManager } from '../support/manager.ts'

/** Peak memory as the kernel counted it. That each limit is called by its name: the programs show. */
const client = useManager({ limits: { memoryBytes: 256 * MIB } })

const MARGIN_KB = 1024

describe.each([
  ['python', (mib: number) => `def main(): return len(bytearray(b"x") * (${mib} << 20))`],
  ['nodejs', (mib: number) => `function main() { return Buffer.alloc(${mib} << 20, 1).length }`],
  [
    'python in children',
    (mib: number) =>
      `import os\ndef main():\n  for _ in range(2):\n    if os.fork() == 0:\n      kept = bytearray(b"x") * (${mib / 2} << 20)\n      os.read(0, 1)\n      import time\n      time.sleep(0.4)\n      os._exit(len(kept) & 1)\n  os.wait()\n  return ${mib} << 20`,
  ],
] as const)('%s', (language, program) => {
  test.each([20, 60, 100])('%i MiB in use are told as that', async (mib) => {
    const run = async (size: number) => {
      const answer = await client.run(language.split(' ')[0] as string, program(size))
      expect(answer.stderr).toBe('')
      expect(answer.result?.value).toBe(size << 20)
      return answer.memory_used_kb as number
    }
    // What the program takes besides, which is no mistake of the measuring.
    const base = await run(2)
    const used = (await run(mib)) - base + 2048
    const expected = mib * 1024
    expect(Math.abs(used - expected)).toBeLessThan(expected * 0.1 + MARGIN_KB)
  })
})
