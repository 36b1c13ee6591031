import { Duplex, type Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { Accounts } from '../../src/api/accounts.ts'
import { Answers } from '../../src/api/answers.ts'
import { readWhole, writeWhole } from '../../src/api/session-work.ts'
import type { SessionFiles } from '../../src/sessions/files.ts'

const MIB = 1024 ** 2

describe('what goes into a session and comes out of it', () => {
  const limits = { uploadBytes: 8 * MIB, uploadBytesPerCaller: 4 * MIB }
  const open = () => {
    const accounts = new Accounts({
      ...{ ...limits, answerBytes: 8 * MIB, answerBytesPerCaller: 4 * MIB },
    })
    const { uploads: frames, answers: budget } = accounts
    const answers = new Answers(budget)
    return { frames, budget, holding: (caller: string) => ({ caller, answers, frames }) }
  }
  /** A sandbox that takes nothing before it is told to, and says only what it is told to. */
  const slow = () => {
    let take = () => {}
    const taken = new Promise<void>((resolve) => {
      take = resolve
    })
    const said: Readable = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => void done(),
    })
    const files = {
      read: async () => said,
      write: async (_path: string, fill: (input: Duplex) => Promise<void>) => {
        const write = (_chunk: Buffer, _encoding: string, done: () => void) => void taken.then(done)
        await fill(new Duplex({ read() {}, write }))
      },
    }
    return { files: files as unknown as SessionFiles, take, said }
  }

  test('a content is on its caller’s account until the sandbox has it', async () => {
    const { frames, holding } = open()
    const { files, take } = slow()
    const content = Buffer.alloc(3 * MIB)
    const written = writeWhole(files, 'a', content, holding('one'))
    expect(frames.heldFor('one')).toBe(3 * MIB)
    await expect(writeWhole(files, 'b', content, holding('one'))).rejects.toMatchObject({
      statusCode: 429,
    })
    take()
    await written
    expect(frames.total).toBe(0)
  })

  test('a content is given up when another caller, who holds less, needs the room', async () => {
    const { frames, holding } = open()
    const { files } = slow()
    const one = writeWhole(files, 'a', Buffer.alloc(4 * MIB), holding('one'))
    const two = writeWhole(files, 'a', Buffer.alloc(3 * MIB), holding('two'))
    const ends = Promise.allSettled([one])
    const three = writeWhole(files, 'a', Buffer.alloc(2 * MIB), holding('three'))
    expect(await ends).toMatchObject([{ status: 'rejected', reason: { statusCode: 429 } }])
    expect(frames.total).toBe(5 * MIB)
    for (const going of [two, three]) going.catch(() => {})
  })

  test('what a sandbox says is on the account while it has not said all', async () => {
    const { budget, holding } = open()
    const { files, said } = slow()
    const read = readWhole(files, 'a', 5 * MIB, holding('one'))
    said.push(Buffer.alloc(2 * MIB))
    await expect.poll(() => budget.heldFor('one'), { timeout: 30_000 }).toBe(2 * MIB)
    said.push(Buffer.alloc(MIB))
    said.push(null)
    expect(await read).toHaveLength(3 * MIB)
    expect(budget.total).toBe(0)
  })

  test('more than the account has room for is refused, and more than the bound', async () => {
    const { budget, holding } = open()
    for (const [most, statusCode] of [
      [5 * MIB, 429],
      [2 * MIB, 413],
    ] as const) {
      const { files, said } = slow()
      const read = readWhole(files, 'a', most, holding('one'))
      for (let count = 0; count < 5; count++) said.push(Buffer.alloc(MIB))
      await expect(read).rejects.toMatchObject({ statusCode })
      expect(said.destroyed).toBe(true)
      expect(budget.total).toBe(0)
    }
  })
})
