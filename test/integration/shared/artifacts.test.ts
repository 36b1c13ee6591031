import { describe, expect, test } from 'vitest'
import { MIB } from '../../../src/lib/units.ts'
import { useShared } from '../../support/shared-manager.ts'

const { client } = useShared()

/** Runs the body of a Python main and returns the whole answer. */
const python = (body: string) =>
  client.run('python', `import os\ndef main():\n${body.replace(/^/gm, '  ')}`)
const names = async (body: string) => {
  const { status, artifacts, detail, stderr } = await python(body)
  expect(stderr).toBe('')
  expect(status).toBe('success')
  return { names: artifacts.map(({ name }) => name), detail }
}

describe.concurrent('artifacts', () => {
  test.each([
    ['python', 'def main():\n  for n in NAMES: open("artifacts/" + n, "w").write(n)'],
    [
      'nodejs',
      'function main() { for (const n of NAMES) require("fs").writeFileSync("artifacts/" + n, n); return null }',
    ],
  ])('%s: every known type, sorted by name', async (language, code) => {
    const files = ['a.png', 'b.jpg', 'c.jpeg', 'd.svg', 'e.pdf', 'f.csv', 'g.json', 'ü.html']
    const head = language === 'python' ? '' : 'const '
    const source = `${head}NAMES = ${JSON.stringify([...files].reverse())}\n${code}`
    const { artifacts } = await client.run(language, source)
    expect(artifacts.map(({ name }) => name)).toEqual(files)
    for (const { name, size, content_b64 } of artifacts) {
      expect(Buffer.from(content_b64, 'base64').toString()).toBe(name)
      expect(size).toBe(Buffer.byteLength(name))
    }
    expect(new Set(artifacts.map(({ mime_type }) => mime_type)).size).toBe(7)
  })

  test('bash has them too', async () => {
    const { artifacts } = await client.run('bash', 'echo 1,2 > artifacts/a.csv')
    expect(artifacts).toMatchObject([{ name: 'a.csv', size: 4 }])
  })

  test('links are not followed', async () => {
    const body = `
open("secret.csv", "w").write("x")
os.symlink("/etc/passwd", "artifacts/a.csv")
os.symlink("../secret.csv", "artifacts/b.csv")
os.link("secret.csv", "artifacts/hard.csv")
open("artifacts/z.csv", "w").write("x")`
    expect((await names(body)).names).toEqual(['hard.csv', 'z.csv', 'secret.csv'])
  })

  test('a link in place of the folder leads nowhere', async () => {
    const body = `
os.mkdir("/tmp/x")
open("/tmp/x/a.csv", "w").write("x")
os.rmdir("artifacts")
os.symlink("/tmp/x", "artifacts")`
    expect((await names(body)).names).toEqual([])
  })

  test('a folder that is gone holds none', async () => {
    expect((await names('os.rmdir("artifacts")')).names).toEqual([])
  })

  test('FIFOs, sockets and hidden files are none', async () => {
    const body = `
import socket
os.mkfifo("artifacts/fifo.csv")
socket.socket(socket.AF_UNIX).bind("artifacts/socket.csv")
os.mkdir(".cache")
open(".cache/x.csv", "w").write("x")
open("artifacts/.hidden.csv", "w").write("x")
open("artifacts/good.csv", "w").write("x")`
    expect(await names(body)).toEqual({ names: ['good.csv'], detail: null })
  })

  test('names that not every system can store are left out, and told', async () => {
    const body = `
for name in ["a..csv", "line\\nbreak.csv", "back\\\\slash.csv"]:
  open("artifacts/" + name, "w").write("x")
open(b"artifacts/\\xff.csv", "w").write("x")
open("artifacts/good.csv", "w").write("x")`
    const answer = await names(body)
    expect(answer.names).toEqual(['good.csv'])
    for (const name of ['a..csv', 'line\ufffdbreak.csv', 'back\\slash.csv', '\ufffd.csv']) {
      expect(answer.detail).toContain(`artifacts/${name} (a name`)
    }
  })

  test('every kind of file in the working directory and below, its own source not', async () => {
    const body = `
for path in ["b.txt", "plots/deep/c.gif", "artifacts/a.bin", "empty.md"]:
  os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
  open(path, "w").write("" if path == "empty.md" else path)
open("helper.py", "w").write("x = 1")
import helper`
    const { artifacts, detail } = await python(body)
    expect(artifacts.map(({ name, mime_type, size }) => [name, mime_type, size])).toEqual([
      ['a.bin', 'application/octet-stream', 15],
      ['b.txt', 'text/plain', 5],
      ['empty.md', 'text/markdown', 0],
      ['helper.py', 'text/x-python', 5],
      ['c.gif', 'image/gif', 16],
    ])
    expect(detail).toBeNull()
  })

  test.each([
    ['nodejs', "function main() { require('fs').writeFileSync('a.txt', '1') }"],
    ['bash', 'echo 1 >a.txt; cat arguments.json'],
    ['bash', `# ${'-'.repeat(20_000)}\r\necho 1 >a.txt\r\n`],
  ])('%s: a file beside the source, and not the source', async (language, code) => {
    const { artifacts } = await client.run(language, code)
    expect(artifacts.map(({ name }) => name)).toEqual(['a.txt'])
  })

  test('a file put in place of the source is the program’s own', async () => {
    const body = 'os.remove("main.py")\nopen("main.py", "w").write("x")'
    expect((await names(body)).names).toEqual(['main.py'])
  })

  test('two files of a name have their folders in front', async () => {
    const body = `
for folder in ["x", "y"]:
  os.mkdir(folder)
  open(folder + "/a.csv", "w").write(folder)`
    expect((await names(body)).names).toEqual(['x-a.csv', 'y-a.csv'])
  })

  test('files beyond ten are left out, and named', async () => {
    const body = 'for i in range(13): open(f"{i:02}.csv", "w").write("x")'
    const answer = await names(body)
    expect(answer.names).toHaveLength(10)
    expect(answer.detail).toBe(
      'Files left out: 10.csv (more than 10 files), 11.csv (more than 10 files), 12.csv (more than 10 files).',
    )
  })

  test('a file of 10 MiB is the largest', async () => {
    const body = `
open("artifacts/a.csv", "wb").write(b"x" * ${10 * MIB})
open("artifacts/b.csv", "wb").write(b"x" * ${10 * MIB + 1})`
    const answer = await names(body)
    expect(answer).toEqual({
      names: ['a.csv'],
      detail: 'Files left out: artifacts/b.csv (larger than 10 MiB).',
    })
  })

  test('a file nobody may read now is still the program’s own', async () => {
    const body = 'open("artifacts/a.csv", "w").write("x")\nos.chmod("artifacts/a.csv", 0)'
    const answer = await python(body)
    expect(answer.status).toBe('success')
    expect(answer.artifacts).toEqual([])
    expect(answer.detail).toMatch(/a\.csv \(no permission to read\)/)
  })

  test('there are none unless the run succeeds', async () => {
    const answer = await python('open("artifacts/a.csv", "w").write("x")\nraise ValueError()')
    expect(answer).toMatchObject({ status: 'program_error', artifacts: [] })
  })
})

describe.concurrent('the working directory', () => {
  test.each([
    ['python', 'import os\ndef main(): return [os.getcwd(), sorted(os.listdir("."))]', 'main.py'],
    [
      'nodejs',
      'function main() { return [process.cwd(), require("fs").readdirSync(".").sort()] }',
      'main.js',
    ],
  ])('%s: is fresh, with the source and an artifacts folder', async (language, code, source) => {
    const answer = await client.run(language, code)
    expect(answer.result?.value).toEqual(['/workspace', ['artifacts', source]])
  })

  test('Python knows its own source and may import beside it', async () => {
    const body = `
import sys
open("helper.py", "w").write("value = 5")
import helper
return [helper.value, __file__, __name__, sys.argv, open(__file__).read()[:9]]`
    const answer = await python(body)
    const file = '/workspace/main.py'
    expect(answer.result?.value).toEqual([5, file, 'main', [file], 'import os'])
  })

  test('Node.js knows its own source and may require beside it', async () => {
    const code = `
require('fs').writeFileSync('helper.js', 'module.exports = 5')
function main() { return [require('./helper'), __filename, process.argv[1], require.main === module] }`
    const file = '/workspace/main.js'
    const answer = await client.run('nodejs', code)
    expect(answer.result?.value).toEqual([5, file, file, true])
  })

  test.each(['/workspace/x', '/tmp/x', '/dev/shm/x'])('%s can be written', async (path) => {
    expect(await names(`open("${path}", "w").write("x")`)).toBeTruthy()
  })

  test.each(['/x', '/etc/x', '/usr/x', '/home/x', '/var/x', '/run/x', '/.executor/x'])(
    '%s cannot',
    async (path) => {
      const answer = await python(`open("${path}", "w")`)
      expect(['unauthorized_access', 'program_error']).toContain(answer.status)
      expect(answer.stderr).toMatch(/Permission denied|Read-only|No such file/)
    },
  )

  test('is of limited size', async () => {
    const answer = await python(`
with open("big", "wb") as f:
  while True: f.write(b"x" * (1 << 20))`)
    // Whichever comes first: files in memory count towards the run's memory.
    expect(['program_error', 'resource_limit_exceeded']).toContain(answer.status)
    expect(answer.stderr).toMatch(/No space left|Memory limit/)
  })
})
