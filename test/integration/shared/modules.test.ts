import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

/** Every form in which a JavaScript or TypeScript program is written runs as it is. */
const { client } = useShared()
const nodejs = (code: string, args = {}) => client.run('nodejs', code, args)

describe.concurrent('modules', () => {
  test.each([
    [
      'export of a function',
      "import { basename } from 'node:path'\nexport function main({ a }) { return basename(a) }",
    ],
    [
      'export of a constant',
      "import path from 'path'\nexport const main = async ({ a }) => path.basename(a)",
    ],
    [
      'a default export',
      "import fs from 'fs'\nexport default function main({ a }) { return a.slice(2) + (fs.x ?? '') }",
    ],
    ['a default export of an object', 'export default { main: ({ a }) => a.slice(2) }'],
    ['an import without an export', "import 'node:fs'\nfunction main({ a }) { return a.slice(2) }"],
    [
      'an await outside of functions',
      'const n = await Promise.resolve(2)\nconst main = ({ a }) => a.slice(n)',
    ],
    [
      'an await beside require',
      "const { basename } = require('path')\nawait null\nmodule.exports = { main: ({ a }) => basename(a) }",
    ],
    [
      'import.meta and dynamic imports',
      "const { basename } = await import('node:path')\nimport.meta.url\nexport const main = ({ a }) => basename(a)",
    ],
    [
      'a dynamic import in CommonJS',
      "async function main({ a }) { return (await import('node:path')).basename(a) }",
    ],
    [
      'types',
      'interface A { a: string }\ntype B = A | null\nfunction main({ a }: A): string { return (a as string).slice(2)! }',
    ],
    [
      'types in a module',
      "import type { Stats } from 'node:fs'\nimport { basename } from 'node:path'\nexport const main = <T extends { a: string }>(args: T): string => basename(args.a) satisfies string",
    ],
    [
      'an enum and parameter properties',
      'enum From { Start = 2 }\nclass P { constructor(private a: string) {} get(): string { return this.a.slice(From.Start) } }\nfunction main({ a }: { a: string }) { return new P(a).get() }',
    ],
  ])('%s', async (_what, code) => {
    const answer = await nodejs(code, { a: 'x/y' })
    expect(answer).toMatchObject({ status: 'success', stderr: '', result: { value: 'y' } })
  })

  test('libraries can be imported', async () => {
    const code = `import axios, { AxiosError } from 'axios'
export const main = () => [typeof axios.get, new AxiosError('x').name]`
    const answer = await nodejs(code)
    expect(answer.result?.value).toEqual(['function', 'AxiosError'])
  })

  test('a program may import its own modules', async () => {
    const code = `import { writeFileSync } from 'node:fs'
writeFileSync('part.mjs', 'export const part = 5')
const { part } = await import('./part.mjs')
export const main = () => part`
    expect((await nodejs(code)).result?.value).toBe(5)
  })

  test.each([
    ["import { a } from 'nothing'\nexport const main = 1", /Cannot find package 'nothing'/],
    ['export const x = 1', /main is not a function/],
    ['await new Promise(() => {})\nfunction main() {}', /awaits a promise that can never settle/],
    ['const a = await 1\nconst a = 2', /SyntaxError: Identifier 'a' has already been declared/],
    ['interface A { a: }\nfunction main() {}', /SyntaxError/],
    ['JSON.parse("{")\nfunction main() {}', /SyntaxError: Expected property name[\s\S]*main\.js:1/],
  ])('what is wrong is told: %s', async (code, stderr) => {
    const answer = await nodejs(code)
    expect(answer).toMatchObject({ status: 'program_error', exit_code: 1 })
    expect(answer.stderr).toMatch(stderr)
    expect(answer.stderr).not.toMatch(/\.executor|runner\.cjs|executor\.main/)
  })

  test('an error names the line of the program', async () => {
    const code = `import { basename } from 'node:path'

export function main({ file }) {
  return basename(file).missing.length
}`
    const { stderr } = await nodejs(code, { file: 'a' })
    expect(stderr).toMatch(/TypeError[\s\S]*at main \(.*main\.js:4:/)
  })
})

describe.concurrent('errors show the lines of the program', () => {
  test.each([
    [
      'of a file that is not there',
      "function load() {\n  return require('./rates.json')\n}\nfunction main() {\n  return load()\n}",
      [/Cannot find module '\.\/rates\.json'/, /main\.js:2/, /main\.js:5/],
    ],
    [
      'of an own module that throws',
      "require('fs').writeFileSync('part.js', 'throw new RangeError(\"broke\")')\nfunction main() {\n  return require('./part.js')\n}",
      [/RangeError: broke/, /part\.js:1/, /main\.js:3/],
    ],
    [
      'of a stack that it prints itself',
      'function main() {\n  console.error(new Error("logged").stack)\n}',
      [/Error: logged\n {4}at main \(\/workspace\/main\.js:2:17\)\n$/],
    ],
    [
      'of a promise that is rejected later',
      "function main() {\n  Promise.reject(new Error('too late'))\n  return 1\n}",
      [/too late/, /main\.js:2/],
    ],
    [
      'of an error with many fields',
      `const axios = require('axios')
async function main() {
  const { data } = await axios.get('http://127.0.0.1:9/')
  return data
}`,
      [/AxiosError/, /main\.js:3/, /ECONNREFUSED/, /^(.*\n){1,26}$/],
    ],
  ])('%s', async (_what, code, expected) => {
    const { stderr } = await nodejs(code)
    for (const pattern of expected) expect(stderr).toMatch(pattern)
    expect(stderr).not.toMatch(/\.executor|runner\.cjs/)
  })

  test('a program may format its stacks itself', async () => {
    const code = `Error.prepareStackTrace = (error, trace) => trace.length > 0
function main() { return new Error().stack }`
    expect((await nodejs(code)).result?.value).toBe(true)
  })
})
