import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Channels } from '../../src/supervisor/channels.ts'
import { HostSupervisor } from '../support/host-supervisor.ts'
import { sample } from '../support/sample.ts'

sample(3)

// The supervisor of sessions, as a process of the host: what it packs and unpacks is ours.
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
let supervisor: HostSupervisor
let folder: string
let channels: Channels
let end: () => Promise<void>

beforeAll(async () => {
  supervisor = await HostSupervisor.build()
  folder = supervisor.folder
  const started = supervisor.start()
  channels = started.channels
  end = started.end
})
afterAll(async () => {
  await end()
  supervisor.remove()
})

async function work(words: readonly string[], input: Buffer = Buffer.alloc(0)) {
  const started = await channels.fileWork(words, self)
  started.stdin.end(input)
  const [stdout, stderr, end] = await Promise.all([
    buffer(started.stdout),
    text(started.stderr),
    started.exited,
  ])
  return { stdout, stderr, ...end }
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

describe('work on files', () => {
  let home: string
  beforeAll(() => {
    home = fresh()
  })
  const said = async (words: readonly string[], input = '') => {
    const { stdout, ...rest } = await work(words, Buffer.from(input))
    return { stdout: stdout.toString(), ...rest }
  }
  const records = (stdout: string) => stdout.split('\0').filter((_, index) => index % 3 === 1)

  test('writes whole files with the folders above them, and reads parts', async () => {
    const file = `${home}/a/b/c.txt`
    expect(await said(['write', file, '640'], '0123456789')).toMatchObject({ exitCode: 0 })
    expect(await said(['read', file])).toMatchObject({ stdout: '0123456789' })
    expect(await said(['read', file, '3', '4'])).toMatchObject({ stdout: '3456' })
    expect((await said(['stat', file])).stdout).toMatch(/^f 640 10 \d{19} \d+ \d+\0/)
    await said(['write', file], 'new')
    expect((await said(['stat', file])).stdout).toMatch(/^f 640 3 /)
    const { stdout } = await said(['list', `${home}/`, '9'])
    expect(records(stdout).sort()).toEqual(['a', 'a/b', 'a/b/c.txt'])
    expect(records((await said(['list', home, '1'])).stdout)).toEqual(['a'])
  })

  test('moves, removes and makes', async () => {
    await said(['write', `${home}/one/x`], 'x')
    expect(await said(['move', `${home}/one`, `${home}/two/one`])).toMatchObject({ exitCode: 0 })
    expect(await said(['read', `${home}/two/one/x`])).toMatchObject({ stdout: 'x' })
    expect(await said(['remove', `${home}/two`])).toMatchObject({ exitCode: 0 })
    expect(await said(['stat', `${home}/two`])).toMatchObject({ exitCode: 2 })
    expect(await said(['make', `${home}/p/q`])).toMatchObject({ exitCode: 0 })
    expect(await said(['make', `${home}/p/q`])).toMatchObject({ exitCode: 0 })
  })

  test('fails with an errno and a line', async () => {
    expect(await said(['read', home])).toEqual({
      stdout: '',
      stderr: 'Is a directory\n',
      exitCode: 21,
      signal: 0,
    })
    expect(await said(['read', '/dev/zero'])).toMatchObject({ exitCode: 22 })
    expect(await said(['remove', `${home}/none`])).toMatchObject({ exitCode: 2 })
    expect(await said(['nonsense', home])).toMatchObject({ exitCode: 22 })
    expect(await said(['read'])).toMatchObject({ exitCode: 22 })
  })

  test('watches a folder and those made in it meanwhile', async () => {
    const watched = `${home}/watched`
    await said(['make', watched])
    const watch = await channels.fileWork(['watch', watched, '5'], self)
    let seen = ''
    watch.stdout.on('data', (chunk: Buffer) => {
      seen += chunk
    })
    await expect.poll(() => seen).toBe('s\0\0')
    await said(['write', `${watched}/new/deep/file`], 'x')
    await expect.poll(() => seen).toContain('c\0new/deep/file\0')
    await said(['remove', `${watched}/new`])
    await expect.poll(() => seen).toContain('r\0new\0')
    watch.release()
    await watch.exited
  })
})
