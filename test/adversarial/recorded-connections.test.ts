import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import v8 from 'node:v8'
import vm from 'node:vm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { MIB } from '../../src/lib/units.ts'
import type { Transcript } from '../../src/run/record.ts'
import { plainTask } from '../../src/run/task.ts'
import { Connection } from '../../src/supervisor/connection.ts'
import { FrameParser } from '../../src/supervisor/frames.ts'
import { STDERR } from '../../src/supervisor/protocol.ts'
import { warmUp } from '../support/connections.ts'
import { useManager } from '../support/manager.ts'
import { answerTo, recordWith } from '../support/record.ts'

/**
 * What real sandboxes said in real runs, changed in every way and said again: the connection must come
 * to an end, keep no more than its limits, and the answer must be one of the contract's.
 */
const client = useManager()
const { limits } = readConfig({})
const LIMITS = { ...limits, outputBytes: 64 * 1024, resultBytes: MIB, artifactBytes: MIB }
const TASK = plainTask(Buffer.from('code'), LIMITS)

/** What a frame parser was given, by parser: each connection has one for its sandbox's output. */
const heard = new Map<FrameParser, Buffer[]>()
const { push } = FrameParser.prototype

beforeAll(() => {
  FrameParser.prototype.push = function (chunk) {
    heard.set(this, [...(heard.get(this) ?? []), Buffer.from(chunk)])
    return push.call(this, chunk)
  }
})
afterAll(() => {
  FrameParser.prototype.push = push
})

const PROGRAMS: [string, string][] = [
  [
    'python',
    'import sys\ndef main():\n  print("out" * 9)\n  print("err", file=sys.stderr)\n  open("artifacts/a.csv", "w").write("x" * 99)\n  open("artifacts/b.png", "w").write("y")\n  return {"a": [1, 2]}',
  ],
  ['python', 'def main(): raise ValueError("no")'],
  ['nodejs', 'function main() { console.log("out"); return [1, "two", null] }'],
  ['bash', 'echo 1; echo 2 >&2; exit 3'],
]

let connections: Buffer[] = []

beforeAll(async () => {
  for (const [language, code] of PROGRAMS) {
    heard.clear()
    await client.run(language, code)
    const said = [...heard.values()].map((chunks) => Buffer.concat(chunks))
    // Of the parsers that heard something, a connection's outer one heard what has types from 16 on.
    connections.push(...said.filter((bytes) => (bytes[4] ?? 0) >= 16 && bytes.length > 20))
  }
  FrameParser.prototype.push = push
  connections = connections.filter((bytes) => transcriptIsWhole(bytes))
})

test('connections were recorded', () => {
  expect(connections.length).toBeGreaterThanOrEqual(PROGRAMS.length)
})

/** Ends with the frame that ends a run. */
function transcriptIsWhole(bytes: Buffer): boolean {
  return bytes.at(-9) === 20 && bytes.readUInt32LE(bytes.length - 13) === 8
}

/** Says it to a connection that runs, in chunks of a size, and ends. */
async function transcriptOf(bytes: Buffer, chunkBytes: number): Promise<Transcript> {
  const output = new PassThrough()
  const input = new PassThrough()
  const connection = new Connection(input, output, LIMITS)
  await warmUp(connection, output)
  const transcript = connection.run(TASK)
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    output.write(bytes.subarray(at, at + chunkBytes))
  }
  output.end()
  await turn()
  output.destroy()
  input.destroy()
  return transcript
}

function bytesOf({ stdout, stderr, result, artifacts }: Transcript): number {
  const files = artifacts.flatMap(({ path, content }) => [path, content])
  return [...stdout, ...stderr, ...files, result ?? Buffer.alloc(0)].reduce(
    (sum, { length }) => sum + length,
    0,
  )
}

const STATUSES = [
  'success',
  'program_error',
  'runtime_error',
  'resource_limit_exceeded',
  'unauthorized_access',
]

type Change = (bytes: Buffer, a: number, b: number) => Buffer
const changes: Record<string, Change> = {
  'bits flipped': (bytes, a, b) => {
    const changed = Buffer.from(bytes)
    for (let i = 0; i < 1 + (b % 4); i++) {
      const at = (a + i * b) % changed.length
      changed[at] = (changed[at] as number) ^ (1 << ((b >> i) % 8))
    }
    return changed
  },
  truncated: (bytes, a) => bytes.subarray(0, a % bytes.length),
  'begun late': (bytes, a) => bytes.subarray(a % bytes.length),
  'a part said twice': (bytes, a, b) => {
    const [from, to] = [a % bytes.length, b % bytes.length].sort((x, y) => x - y)
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
  },
  'a part left out': (bytes, a, b) => {
    const [from, to] = [a % bytes.length, b % bytes.length].sort((x, y) => x - y)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  'another length in a head': (bytes, a, b) => {
    const changed = Buffer.from(bytes)
    changed.writeUInt32LE([0, 1, 0xffff, 0xffff_ffff, b][a % 5] as number, 0)
    return changed
  },
  'frames in another order': (bytes, a) => {
    const frames = framesOf(bytes)
    return Buffer.concat([
      ...frames.slice(a % frames.length),
      ...frames.slice(0, a % frames.length),
    ])
  },
  'frames said many times': (bytes, a, b) => {
    const frames = framesOf(bytes)
    const again = Array<Buffer>(b % 300).fill(frames[a % frames.length] as Buffer)
    return Buffer.concat([...frames.slice(0, a % frames.length), ...again, ...frames])
  },
}

function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32LE(at)
    frames.push(bytes.subarray(at, end))
    at = end
  }
  return frames
}

describe.each(Object.entries(changes))('a connection with %s', (_what, change) => {
  test('ends, within its limits, in an outcome of the contract', async () => {
    const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 })
    const input = fc.tuple(fc.nat(), seed, seed, fc.constantFrom(1, 3, 64, 65_536))
    await fc.assert(
      fc.asyncProperty(input, async ([which, a, b, chunkBytes]) => {
        const bytes = change(connections[which % connections.length] as Buffer, a, b)
        const transcript = await transcriptOf(bytes, chunkBytes)
        expect(bytesOf(transcript)).toBeLessThanOrEqual(bytes.length)
        const { status } = answerTo(recordWith(transcript), LIMITS)
        expect(STATUSES).toContain(status)
      }),
      { numRuns: 300 },
    )
  })
})

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc') as () => void

describe('memory', () => {
  /** After a collection: what counts is what something holds. */
  const held = () => {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }

  test('a flood of frames of one byte is kept in little more than its bytes', async () => {
    const frame = Buffer.from([1, 0, 0, 0, STDERR, 0x78])
    const flood = Buffer.alloc(frame.length * LIMITS.outputBytes, frame)
    const before = held()
    const transcript = await transcriptOf(flood, 6000)
    expect(bytesOf(transcript)).toBe(LIMITS.outputBytes)
    expect(transcript.stderr.length).toBeLessThan(200)
    expect(held() - before).toBeLessThan(32 * MIB)
  })

  test('a frame that never ends is kept no longer than its type may be', async () => {
    const parser = new FrameParser(() => LIMITS.artifactBytes)
    const head = Buffer.alloc(5)
    head.writeUInt32LE(LIMITS.artifactBytes)
    ;[...parser.push(head)]
    for (let i = 0; i < LIMITS.artifactBytes - 1; i++) [...parser.push(Buffer.from([0]))]
    expect(parser.pendingBytes).toBe(5 + LIMITS.artifactBytes - 1)
  })
})
