import { describe, expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'

sample(3)

/** Peak memory as the kernel counted it. That each limit is called by its name: the programs show. */
const client = useManager({ runtimes: ['python', 'nodejs'], limits: { memoryBytes: 256 * MIB } })

async function usedKb(language: string, code: string): Promise<number> {
  const answer = await client.run(language, code)
  expect(answer).toMatchObject({ status: 'success', stderr: '', result: { value: 'kept' } })
  return answer.memory_used_kb as number
}

function expectNearly(kb: number, mib: number): void {
  const expected = mib * 1024
  expect(Math.abs(kb - expected)).toBeLessThan(expected * 0.1 + 1024)
}

describe.each([20, 60, 100])('%i MiB', (mib) => {
  test('in one Python object', async () => {
    const code = `def main():\n  kept = bytearray(b"x") * (${mib} << 20)\n  return "kept"`
    expectNearly(await usedKb('python', code), mib)
  })

  test('in one buffer of Node.js', async () => {
    const code = `function main() { const kept = Buffer.alloc(${mib} << 20, 1); return kept && 'kept' }`
    expectNearly(await usedKb('nodejs', code), mib)
  })

  test('in a file', async () => {
    const code = `def main():\n  open("x", "wb").write(b"x" * (1 << 20))\n  with open("y", "wb", buffering=0) as file:\n    for _ in range(${mib - 2}): file.write(bytes(1 << 20))\n  return "kept"`
    expectNearly(await usedKb('python', code), mib)
  })

  test('in two children, beside what children cost', async () => {
    const code = (each: number) => `
import os
def main():
  pipes = [os.pipe() for _ in range(2)]
  for reader, writer in pipes:
    if os.fork() == 0:
      kept = bytearray(b"x") * int(${each} * (1 << 20))
      os.write(writer, b"x")
      os.read(pipes[0][0], 5)
      os.read(0, 1) or __import__("time").sleep(9)
  for reader, writer in pipes[1:]: os.read(reader, 1)
  __import__("time").sleep(0.3)
  return "kept"`
    const besides = await usedKb('python', code(0.25))
    expectNearly((await usedKb('python', code(mib / 2))) - besides + 512, mib)
  })
})
