import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plainTask } from '../../src/run/task.ts'
import {
  decodeArtifact,
  decodeFailure,
  decodeLeftOut,
  decodePrintedError,
  decodeReport,
} from '../../src/supervisor/decode.ts'
import { FrameParser } from '../../src/supervisor/frames.ts'
import {
  ARTIFACT,
  COLLECT,
  CONTROL,
  CONTROL_FRAME,
  END,
  EXIT,
  encodeEnd,
  encodePing,
  encodeRun,
  FILE,
  INPUT,
  LEFT_OUT,
  maxControlBytes,
  maxControlPayload,
  maxSupervisorPayload,
  RUN,
  RUNNER,
  STDERR,
  STDIN,
  STDOUT,
} from '../../src/supervisor/protocol.ts'
import { LIMITS } from '../support/limits.ts'

function payloadOf(frame: { payload: Buffer } | undefined): Buffer {
  return frame?.payload ?? Buffer.alloc(0)
}

function framesOf(bytes: Buffer) {
  return [...new FrameParser(() => 2 ** 32).push(bytes)]
}

describe('what is sent', () => {
  test('a one-shot run is these bytes, and no others', () => {
    const code = Buffer.from('def main(): return 1')
    const run = encodeRun({ ...plainTask(code, LIMITS), argumentsJson: Buffer.from('{"a":1}') })
    expect(Buffer.concat(run).toString('hex')).toBe(
      [
        // RUN: its length, limits, and that nothing will be said in the run.
        '4a00000002',
        '10270000e8030000e8030000d007010003000000f40100000000000040000000',
        // CODE, ARGUMENTS, START.
        `1400000002${code.toString('hex')}`,
        `0700000003${Buffer.from('{"a":1}').toString('hex')}`,
        '0000000004',
      ].join(''),
    )
  })

  test('a cell may say more on its control stream, by what it may show', () => {
    const more = maxControlBytes(LIMITS, true) - maxControlBytes(LIMITS, false)
    expect(more).toBe(LIMITS.outputBytes)
  })

  test('a run: limits, code, arguments and the start in one frame', () => {
    const code = Buffer.from('def main(): return "ü"')
    const argumentsJson = Buffer.from('{"a": 1.0}')
    const [bytes, ...pieces] = encodeRun({ ...plainTask(code, LIMITS), argumentsJson })
    const [run, ...more] = framesOf(bytes as Buffer)
    expect([...pieces, ...more]).toEqual([])
    expect(run?.type).toBe(RUN)
    const payload = run?.payload as Buffer
    const limits = Array.from({ length: 8 }, (_, index) => payload.readUInt32LE(index * 4))
    expect(limits).toEqual([10_000, 1000, 1000, maxControlBytes(LIMITS, false), 3, 500, 0, 64])
    expect(framesOf(payload.subarray(32))).toEqual([
      { type: RUNNER.CODE, payload: code },
      { type: RUNNER.ARGUMENTS, payload: argumentsJson },
      { type: RUNNER.START, payload: Buffer.alloc(0) },
    ])
  })

  test('the supervisor listens on while the program runs where its processor time is limited', () => {
    const limits = { ...LIMITS, cpuTimeMs: 100 }
    const [bytes] = encodeRun(plainTask(Buffer.from('code'), limits))
    const [run] = framesOf(bytes as Buffer)
    expect(run?.payload.readUInt32LE(24)).toBe(1)
    expect(framesOf(encodeEnd())).toEqual([{ type: END, payload: Buffer.alloc(0) }])
  })

  test('what a program is run with comes before it', () => {
    const files = [{ path: 'data/ü.csv', content: Buffer.from('1') }]
    const task = { ...plainTask(Buffer.from('code'), LIMITS), files }
    const path = Buffer.from('data/ü.csv')
    const frames = framesOf(
      Buffer.concat(
        encodeRun({
          ...task,
          mode: 'script',
          stdin: Buffer.from('in'),
          collect: ['*.csv', '**/b'],
          env: { A: 'x=y', B: '' },
          argv: ['', 'two'],
        }),
      ),
    )
    expect(frames.slice(0, -1)).toEqual([
      {
        type: FILE,
        payload: Buffer.concat([Buffer.from([path.length, 0]), path, Buffer.from('1')]),
      },
      { type: STDIN, payload: Buffer.from('in') },
      { type: COLLECT, payload: Buffer.from('*.csv\0**/b\0') },
    ])
    const run = payloadOf(frames.at(-1))
    expect(framesOf(run.subarray(32)).slice(0, -3)).toEqual([
      { type: RUNNER.MODE, payload: Buffer.from([1]) },
      { type: RUNNER.ENV, payload: Buffer.from('A=x=y') },
      { type: RUNNER.ENV, payload: Buffer.from('B=') },
      { type: RUNNER.ARGV, payload: Buffer.alloc(0) },
      { type: RUNNER.ARGV, payload: Buffer.from('two') },
    ])
  })

  test('a ping goes to the runner as input', () => {
    const [input] = framesOf(encodePing(null))
    expect(input?.type).toBe(INPUT)
    expect(framesOf(payloadOf(input))).toMatchObject([{ type: RUNNER.PING }])
  })

  test('a policy comes before the ping', () => {
    const policy = Buffer.from('{}')
    const [input] = framesOf(encodePing(policy))
    expect(framesOf(payloadOf(input))).toMatchObject([
      { type: RUNNER.POLICY, payload: policy },
      { type: RUNNER.PING },
    ])
  })
})

describe('how long a frame may be', () => {
  test.each([
    [STDOUT, 65_536],
    [STDERR, 65_536],
    [CONTROL, 65_536],
    [ARTIFACT, 2 + 1024 + 500],
    [LEFT_OUT, 1 + 8 + 1024],
    [EXIT, 8],
    [INPUT, undefined],
    [0, undefined],
    [255, undefined],
  ])('type %i from the supervisor: %s', (type, most) => {
    expect(maxSupervisorPayload(LIMITS)(type)).toBe(most)
  })

  test.each([
    [CONTROL_FRAME.READY, 0],
    [CONTROL_FRAME.PONG, 0],
    [CONTROL_FRAME.RESULT, 2000],
    [CONTROL_FRAME.FAILURE, 4096],
    [CONTROL_FRAME.ERROR, 32_768],
    [CONTROL_FRAME.REFUSED, 32_768],
    [99, undefined],
  ])('type %i from the runner: %s', (type, most) => {
    expect(maxControlPayload(LIMITS)(type)).toBe(most)
  })
})

describe('decodeReport', () => {
  test.each([
    [
      [0, 0, 0, 0, 0, 0, 0, 0],
      { cause: 'ended', exitCode: 0, signal: 0, flooded: null, artifactsLeftOut: 0 },
    ],
    [
      [0, 0, 3, 0, 1, 1, 0, 0],
      { cause: 'ended', exitCode: 3, signal: 0, flooded: null, artifactsLeftOut: 257 },
    ],
    [
      [1, 0, 0, 9, 0, 0, 0, 0],
      { cause: 'wall_time', exitCode: 0, signal: 9, flooded: null, artifactsLeftOut: 0 },
    ],
    [
      [2, 16, 0, 9, 0, 0, 0, 0],
      { cause: 'output', exitCode: 0, signal: 9, flooded: 'stdout', artifactsLeftOut: 0 },
    ],
  ])('%j', (bytes, report) => {
    expect(decodeReport(Buffer.from(bytes))).toEqual(report)
  })

  test.each([
    ['nothing', []],
    ['too short', [0, 0, 0, 0, 0, 0, 0]],
    ['too long', [0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a cause that is none', [4, 0, 0, 0, 0, 0, 0, 0]],
    ['a signal that is none', [0, 0, 0, 65, 0, 0, 0, 0]],
  ])('is null for %s', (_what, bytes) => {
    expect(decodeReport(Buffer.from(bytes))).toBeNull()
  })
})

describe('decodeArtifact', () => {
  test('takes path and content apart', () => {
    const artifact = decodeArtifact(Buffer.from([3, 0, 97, 46, 98, 1, 2]))
    expect(artifact).toEqual({ path: Buffer.from('a.b'), content: Buffer.from([1, 2]) })
  })

  test.each([[[]], [[1]], [[1, 0]], [[255, 255, 97]]])('is null for %j', (bytes) => {
    expect(decodeArtifact(Buffer.from(bytes))).toBeNull()
  })
})

describe('decodeLeftOut', () => {
  const bytes = (reason: number, size: bigint, path: string) => {
    const head = Buffer.alloc(9)
    head[0] = reason
    head.writeBigUInt64LE(size, 1)
    return Buffer.concat([head, Buffer.from(path)])
  }

  test('takes reason, size and path apart', () => {
    const file = { path: Buffer.from('a/b'), size: 2 ** 40, reason: 'size' }
    expect(decodeLeftOut(bytes(2, 2n ** 40n, 'a/b'))).toEqual(file)
  })

  test.each([0, 6, 255])('is null for reason %i', (reason) => {
    expect(decodeLeftOut(bytes(reason, 1n, 'a'))).toBeNull()
  })

  test('is null for less than a head', () => {
    expect(decodeLeftOut(Buffer.from([1, 0, 0]))).toBeNull()
  })
})

describe('decodeFailure', () => {
  const decode = (text: string) => decodeFailure(Buffer.from(text))

  test('reads what the runners say', () => {
    expect(decode('{"name":"PermissionError","errno":13,"memory":false}')).toEqual({
      name: 'PermissionError',
      errno: 13,
      code: null,
      memory: false,
      network: false,
      lastCommand: false,
    })
    expect(decode('{"name":"Error","code":"EACCES"}')).toMatchObject({
      code: 'EACCES',
      errno: null,
    })
    expect(decode('{"memory":true}')).toMatchObject({ name: '', memory: true })
    expect(decode('{"network":true}')).toMatchObject({ memory: false, network: true })
  })

  test('takes nothing of a wrong type', () => {
    expect(decode('{"name":1,"errno":"13","code":{},"memory":"yes","network":1}')).toEqual({
      name: '',
      errno: null,
      code: null,
      memory: false,
      network: false,
      lastCommand: false,
    })
  })

  test.each(['', '{', 'null', '1', '"x"'])('is null for %j', (text) => {
    expect(decode(text)).toBeNull()
  })
})

test('decodePrintedError takes what was printed, and nothing of a wrong type', () => {
  const decode = (text: string) => decodePrintedError(Buffer.from(text))
  const error = { message: 'no', traceback: 'at x', line: 3 }
  expect(decode(JSON.stringify(error))).toEqual(error)
  const nothing = { message: '', traceback: '', line: null }
  expect(decode('{"message":1,"traceback":null,"line":"3"}')).toEqual(nothing)
  expect(decode('{"line":-1}')).toEqual(nothing)
  expect(decode('[')).toBeNull()
})

test('no decoder ever throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      const payload = Buffer.from(bytes)
      decodeReport(payload)
      decodeArtifact(payload)
      decodeFailure(payload)
      decodePrintedError(payload)
    }),
  )
})
