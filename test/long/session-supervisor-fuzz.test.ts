import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Channels } from '../../src/supervisor/channels.ts'
import { encodeFrame } from '../../src/supervisor/frames.ts'
import { encodeStart, TO } from '../../src/supervisor/session-protocol.ts'

// The real supervisor, with the checks of the compiler, as a process of this host without rights.
const folder = mkdtempSync(path.join(tmpdir(), 'supervisor-fuzz-'))
const program = path.join(folder, 'session')
const user = { uid: 65_534, gid: 65_534 }
const env = { PATH: '/usr/bin:/bin' }

beforeAll(() => {
  const sources = globSync(path.join(import.meta.dirname, '../../runtimes/supervisor/session*.c'))
  const checks = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  execFileSync('gcc', [...checks, '-o', program, ...sources])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}
const line = fc.constantFrom(
  'cat',
  'echo x; exit 3',
  'cat & cat',
  'exec >&-; sleep 9',
  'kill -9 $$',
)
const start = fc.tuple(line, fc.boolean(), fc.boolean()).map(([command, hasTerminal, hasControl]) =>
  encodeStart({
    argv: ['sh', '-c', command],
    cwd: '/',
    env,
    user,
    hasControl,
    ...(hasTerminal && { terminal: { columns: 9, rows: 9 } }),
  }),
)
const stream = fc.nat(4).map((number) => Buffer.of(number))
const count = fc.oneof(fc.nat(300_000), fc.nat(0xffff_ffff)).map(u32)
const known = fc.oneof(
  fc.tuple(fc.constant(TO.START), start),
  fc.tuple(fc.constant(TO.CONNECT), fc.constant(Buffer.from([1, 0]))),
  fc.tuple(
    fc.constant(TO.WRITE),
    fc.tuple(stream, fc.nat(40_000)).map(([s, n]) => Buffer.concat([s, Buffer.alloc(n, 'y\n')])),
  ),
  fc.tuple(fc.constantFrom(TO.CLOSE, TO.SIGNAL), stream),
  fc.tuple(fc.constant(TO.RESIZE), fc.uint8Array({ minLength: 4, maxLength: 4 })),
  fc.tuple(fc.constant(TO.CREDIT), fc.tuple(stream, count).map(Buffer.concat as never)),
  fc.tuple(fc.constant(TO.RELEASE), fc.constant(Buffer.alloc(0))),
)
const frame = fc
  .tuple(known, fc.integer({ min: 1, max: 3 }))
  .map(([[type, rest], number]) => encodeFrame(type, Buffer.concat([u32(number), rest as Buffer])))
const pause = fc.constantFrom(encodeFrame(TO.PAUSE), encodeFrame(TO.RESUME))
const broken = fc
  .tuple(fc.integer({ min: 2, max: 12 }), fc.uint8Array({ maxLength: 30 }))
  .map(([type, bytes]) => encodeFrame(type, bytes))

test('whatever frames come, the supervisor goes on or says why it ends', {
  timeout: 900_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          { weight: 20, arbitrary: frame },
          { weight: 2, arbitrary: pause },
          { weight: 1, arbitrary: broken },
        ),
        { minLength: 1, maxLength: 40 },
      ),
      async (frames) => {
        const child = spawn(program, [folder], { stdio: ['pipe', 'pipe', 'pipe'] })
        child.stdin.on('error', () => {})
        child.stdout.resume()
        const words = text(child.stderr)
        for (const bytes of frames) child.stdin.write(bytes)
        child.stdin.end()
        const [code, signal] = await once(child, 'close')
        expect([code === 0 || code === 70, signal, await words]).toEqual([
          true,
          null,
          expect.not.stringContaining('Sanitizer'),
        ])
      },
    ),
    { numRuns: 250 },
  )
})

test('whatever an archive holds, it is unpacked inside of its folder or refused', {
  timeout: 900_000,
}, async () => {
  const tree = path.join(folder, 'tree')
  mkdirSync(path.join(tree, 'a/b'), { recursive: true })
  writeFileSync(path.join(tree, 'a/b/file'), 'content')
  writeFileSync(path.join(tree, 'a', 'n'.repeat(150)), 'long')
  execFileSync('ln', ['-s', '../a/b', path.join(tree, 'a/link')])
  const whole = ['gnu', 'pax', 'ustar'].map((format) => {
    const names = format === 'ustar' ? ['a/b', 'a/link'] : ['.']
    return execFileSync('tar', [`--format=${format}`, '-cf', '-', '-C', tree, ...names])
  })
  const child = spawn(program, [folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  const channels = new Channels(child.stdin as Writable, child.stdout as Readable)
  const inside = path.join(folder, 'outside/inside')
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...whole),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'/.\0 0127xS'.split(''), '../', '/tmp/')), {
        maxLength: 6,
      }),
      fc.boolean(),
      async (archive, changes, isRepaired) => {
        rmSync(path.dirname(inside), { recursive: true, force: true })
        mkdirSync(inside, { recursive: true })
        const bytes = Buffer.from(archive)
        for (const [at, piece] of changes) bytes.write(piece, at % (bytes.length - 8), 'latin1')
        if (isRepaired) repair(bytes)
        const started = await channels.fileWork(['unpack', inside], self)
        started.stdin.end(bytes)
        started.stdout.resume()
        const words = text(started.stderr)
        const { exitCode, signal } = await started.exited
        expect([signal, await words]).toEqual([0, expect.not.stringContaining('Sanitizer')])
        expect(exitCode).toBeLessThan(134)
        expect(readdirSync(path.dirname(inside))).toEqual(['inside'])
      },
    ),
    { numRuns: 500 },
  )
  child.stdin?.end()
  await channels.ended
})

/** Sets the checksums of what may be headers right, so that more than these are tried. */
function repair(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) !== 'ustar') continue
    bytes.fill(' ', at + 148, at + 156)
    const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
  }
}
