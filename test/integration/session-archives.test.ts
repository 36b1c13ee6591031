import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureSupervisors } from '../../src/setup/supervisor.ts'
import { Channels } from '../../src/supervisor/channels.ts'
import { sample } from '../support/sample.ts'

sample(3)

// The supervisor of sessions, as a process of the host: what it packs and unpacks is ours.
const folder = mkdtempSync(path.join(tmpdir(), 'archives-'))
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
let channels: Channels
let end: () => void

beforeAll(async () => {
  const runtimes = path.join(import.meta.dirname, '../../runtimes')
  const programs = await ensureSupervisors(folder, runtimes, () => {})
  const program = programs.find((file) => path.basename(file) === 'session') as string
  const child = spawn(program, [folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  channels = new Channels(child.stdin as Writable, child.stdout as Readable)
  end = () => child.stdin?.end()
})
afterAll(async () => {
  end()
  await channels.ended
  rmSync(folder, { recursive: true })
})

async function work(words: readonly string[], input: Buffer = Buffer.alloc(0)) {
  const started = await channels.fileWork(words, self)
  started.stdin.end(input)
  const [stdout, stderr, { exitCode }] = await Promise.all([
    buffer(started.stdout),
    text(started.stderr),
    started.exited,
  ])
  return { stdout, stderr, exitCode }
}

let count = 0
const fresh = () => {
  const place = path.join(folder, `tree-${count++}`)
  mkdirSync(place)
  return place
}

/** One header of an archive, with a right checksum. */
function header(name: string, { type = '0', link = '', size = 0, mode = '0000644' } = {}): Buffer {
  const block = Buffer.alloc(512)
  block.write(name, 0, 100)
  block.write(mode, 100)
  block.write(size.toString(8).padStart(11, '0'), 124)
  block.write('00000000000', 136)
  block.write(type, 156)
  block.write(link, 157, 100)
  block.write('ustar\x0000', 257, 'latin1')
  block.write('        ', 148)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
const content = (words: string) => {
  const block = Buffer.alloc(Math.ceil(words.length / 512) * 512)
  block.write(words)
  return block
}
const pax = (record: string) => {
  const line = ` ${record}\n`
  const length = `${line.length + String(line.length + 2).length}`
  const records = `${length}${line}`
  return Buffer.concat([header('pax', { type: 'x', size: records.length }), content(records)])
}

describe('archives', () => {
  test('hold what tar reads, long names and links too', async () => {
    const tree = fresh()
    const deep = path.join(tree, 'n'.repeat(90), 'm'.repeat(90))
    mkdirSync(deep, { recursive: true })
    writeFileSync(path.join(deep, 'o'.repeat(200)), 'far')
    writeFileSync(path.join(tree, 'run.sh'), 'x'.repeat(1500), { mode: 0o755 })
    symlinkSync('/etc/passwd', path.join(tree, 'link'))
    symlinkSync('p'.repeat(150), path.join(tree, 'long-link'))
    const { stdout, exitCode } = await work(['pack', tree])
    expect(exitCode).toBe(0)
    const out = fresh()
    execFileSync('tar', ['-xf', '-', '-C', out], { input: stdout })
    expect(execFileSync('diff', ['-r', '--no-dereference', tree, out]).toString()).toBe('')
  })

  test.each(['gnu', 'pax', 'ustar', 'v7'])('of %s are unpacked as tar does it', async (format) => {
    const tree = fresh()
    mkdirSync(path.join(tree, 'a/b'), { recursive: true })
    writeFileSync(path.join(tree, 'a/b/run'), 'y'.repeat(2000), { mode: 0o750 })
    symlinkSync('../a/b/run', path.join(tree, 'a/link'))
    if (format === 'gnu' || format === 'pax') {
      writeFileSync(path.join(tree, 'a', 'z'.repeat(180)), 'long')
    }
    execFileSync('ln', [path.join(tree, 'a/b/run'), path.join(tree, 'hard')])
    const archive = execFileSync('tar', [`--format=${format}`, '-cf', '-', '-C', tree, '.'])
    const out = path.join(fresh(), 'new/place')
    expect(await work(['unpack', out], archive)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(execFileSync('diff', ['-r', '--no-dereference', tree, out]).toString()).toBe('')
    expect(execFileSync('stat', ['-c', '%a', path.join(out, 'a/b/run')]).toString()).toBe('750\n')
    // Once more over what is there.
    expect(await work(['unpack', out], archive)).toMatchObject({ exitCode: 0 })
  })

  test.each([
    ['an absolute path', [header('/tmp/evil')], 'leads out of the folder'],
    ['a path upwards', [header('a/../../evil')], 'leads out of the folder'],
    ['a path upwards in a pax record', [pax('path=../evil'), header('x')], 'leads out'],
    [
      'a path upwards in a long name',
      [header('l', { type: 'L', size: 7 }), content('../evil'), header('x')],
      'leads out',
    ],
    ['an absolute link', [header('l', { type: '2', link: '/etc' })], 'link that leads out'],
    ['a link upwards', [header('a/l', { type: '2', link: '../../x' })], 'link that leads out'],
    [
      'a link upwards by its slash',
      [header('l/', { type: '2', link: '../x' })],
      'link that leads out',
    ],
    ['a link upwards below', [header('l', { type: '2', link: 'a/../..' })], 'link that leads out'],
    ['a link that is empty', [header('l', { type: '2' })], 'link that leads out'],
    [
      'a hard link to outside',
      [header('h', { type: '1', link: '../../etc/passwd' })],
      'link that leads out',
    ],
    [
      'an absolute hard link',
      [header('h', { type: '1', link: '/etc/passwd' })],
      'link that leads out',
    ],
    [
      'a path below a link of its own',
      [header('l', { type: '2', link: '.' }), header('l/x')],
      'below a link',
    ],
    ['a path below a file', [header('f'), header('f/x')], 'below a link or a file'],
    ['a device', [header('d', { type: '3' })], 'device'],
    ['a block device', [header('d', { type: '4' })], 'device'],
    ['a FIFO', [header('p', { type: '6' })], 'device'],
    ['a sparse file of GNU tar', [header('s', { type: 'S' })], 'sparse file'],
    ['a sparse file of pax', [pax('GNU.sparse.major=1'), header('s')], 'sparse file'],
    [
      'a file that ends early',
      [header('f', { size: 5000 }), content('only this')],
      'ends too early',
    ],
    ['a pax header that is too long', [header('x', { type: 'x', size: 100_000 })], 'too long'],
    [
      'a malformed pax record',
      [header('x', { type: 'x', size: 9 }), content('99 a=b\n')],
      'malformed',
    ],
    ['noise', [Buffer.alloc(512, 'a')], 'not a tar archive'],
    ['half a header', [header('f').subarray(0, 300)], 'ends too early'],
    ['nothing', [], 'ends too early'],
  ])('with %s are refused', async (_, blocks, words) => {
    const out = fresh()
    const { exitCode, stderr } = await work(['unpack', out], Buffer.concat(blocks))
    expect(stderr).toContain(words)
    expect(exitCode).toBe(22)
    expect(execFileSync('find', [path.dirname(out), '-name', 'evil']).toString()).toBe('')
  })

  test('do not write through a link that was there', async () => {
    const [out, other] = [fresh(), fresh()]
    symlinkSync(other, path.join(out, 'folder'))
    writeFileSync(path.join(other, 'kept'), 'kept')
    symlinkSync(path.join(other, 'kept'), path.join(out, 'file'))
    const below = Buffer.concat([header('folder/x', { size: 4 }), content('evil')])
    expect((await work(['unpack', out], below)).stderr).toContain('below a link')
    const through = Buffer.concat([header('file', { size: 4 }), content('evil')])
    expect(await work(['unpack', out], through)).toMatchObject({ exitCode: 0 })
    expect(readFileSync(path.join(other, 'kept'), 'utf8')).toBe('kept')
    expect(readFileSync(path.join(out, 'file'), 'utf8')).toBe('evil')
    const hard = header('h', { type: '1', link: 'folder/kept' })
    expect((await work(['unpack', out], hard)).exitCode).not.toBe(0)
  })

  test('with too many entries are refused', async () => {
    const one = header('folder/', { type: '5' })
    const { stderr } = await work(['unpack', fresh()], Buffer.concat(Array(200_001).fill(one)))
    expect(stderr).toContain('too many entries')
  })
})
