import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Channels } from '../../src/supervisor/channels.ts'
import { encodeFrame, FrameParser } from '../../src/supervisor/frames.ts'
import { FROM, SessionLostError, TO, WINDOW_BYTES } from '../../src/supervisor/session-protocol.ts'

const user = { uid: 1000, gid: 1000 }
const program = { argv: ['x'], cwd: '/', env: {}, user }

/** What a hostile supervisor may say: frames of any type and channel, well formed and not. */
const number = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.nat(0xffff_ffff))
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}
const rest = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.nat(4), fc.oneof(fc.nat(10), fc.nat(2 * WINDOW_BYTES), fc.nat(0xffff_ffff)))
    .map(([stream, count]) => Buffer.concat([Buffer.of(stream), u32(count)])),
  fc
    .tuple(fc.nat(4), fc.nat(32 * 1024))
    .map(([stream, length]) => Buffer.concat([Buffer.of(stream), Buffer.alloc(length)])),
  fc.tuple(fc.nat(255), fc.nat(255)).map((bytes) => Buffer.from(bytes)),
)
const frame = fc
  .tuple(fc.oneof(fc.constantFrom(...Object.values(FROM)), fc.nat(255)), number, rest)
  .map(([type, channel, payload]) => encodeFrame(type, Buffer.concat([u32(channel), payload])))
const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))

test('whatever a supervisor says, its session goes on or is lost, and nothing is held for it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 9, arbitrary: frame }, { weight: 1, arbitrary: noise }), {
        maxLength: 30,
      }),
      fc.boolean(),
      async (said, isCut) => {
        const [input, output] = [new PassThrough(), new PassThrough()]
        input.resume()
        const channels = new Channels(input, output)
        const asked = [channels.start(program), channels.connect(80), channels.start(program)]
        const settled = Promise.allSettled(asked)
        for (const bytes of said) output.write(isCut ? bytes.subarray(0, bytes.length - 1) : bytes)
        await new Promise(setImmediate)
        output.destroy()
        await channels.ended
        for (const result of await settled) {
          if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(Error)
          else if ('stdout' in result.value) {
            // What nobody reads is at most a window.
            expect(result.value.stdout.readableLength).toBeLessThanOrEqual(WINDOW_BYTES)
            result.value.stdout.resume()
            await result.value.exited.catch(() => {})
          }
        }
        await expect(channels.pause()).rejects.toBeInstanceOf(SessionLostError)
      },
    ),
    { numRuns: 400 },
  )
})

test('what is sent while the sandbox is paused comes after it goes on, in order and once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.constant('pause'), fc.string({ minLength: 1, maxLength: 20 })), {
        maxLength: 30,
      }),
      async (steps) => {
        const [input, output] = [new PassThrough(), new PassThrough()]
        const parser = new FrameParser(() => 1024 * 1024)
        let heard = ''
        let isPaused = false
        input.on('data', (chunk: Buffer) => {
          for (const { type, payload } of parser.push(chunk)) {
            if (type === TO.PAUSE) {
              isPaused = true
              output.write(encodeFrame(FROM.PAUSED, u32(0)))
            } else if (type === TO.RESUME) isPaused = false
            else {
              expect(isPaused).toBe(false)
              if (type === TO.START)
                output.write(encodeFrame(FROM.STARTED, Buffer.from([1, 0, 0, 0, 9, 0, 0, 0])))
              if (type === TO.WRITE) heard += payload.toString('utf8', 5)
            }
          }
        })
        const channels = new Channels(input, output)
        const started = await channels.start(program)
        for (const step of steps) {
          if (step !== 'pause') started.stdin.write(step)
          else if (isPaused) channels.resume()
          else await channels.pause()
        }
        channels.resume()
        await new Promise<void>((resolve) => started.stdin.write('.', () => resolve()))
        await new Promise(setImmediate)
        expect(heard).toBe(`${steps.filter((step) => step !== 'pause').join('')}.`)
        output.destroy()
        await channels.ended
      },
    ),
    { numRuns: 100 },
  )
})
