import { describe, expect, test } from 'vitest'
import { NativeClient } from '../../support/native-client.ts'
import { useShared } from '../../support/shared-manager.ts'

/** Cells, by the real runners. */
const { client: manager } = useShared()
const client = new NativeClient()

async function cell(language: string, code: string, more: object = {}) {
  client.url = manager.url
  const { status, body } = await client.run({ language, code, mode: 'cell', ...more })
  expect(status).toBe(200)
  return body
}
const python = (code: string, more?: object) => cell('python', code, more)
const javascript = (code: string) => cell('javascript', code)
const PNG = expect.stringMatching(/^iVBOR/)

describe('python', () => {
  test('shows values in all their forms', async () => {
    const body = await python(`import asyncio, pandas as pd, matplotlib.pyplot as plt
from IPython.display import HTML, JSON, Latex, Markdown, SVG
print("printed")
!echo shell {1 + 1}
files = !echo captured
await asyncio.sleep(0)
display(Markdown("# a"), Latex("$x$"), JSON({"a": [1]}), SVG("<svg/>"), HTML("<b>"))
plt.plot([1, 2]); plt.show()
plt.plot([1, 3])
class Own:
    def _repr_mimebundle_(self, **_): return {"text/own": files[0], "image/png": b"\\x89PNG"}
display(Own())
pd.DataFrame({"a": [1]})`)
    expect(body).toMatchObject({ status: 'succeeded', stdout: 'printed\nshell 2\n', stderr: '' })
    expect(body.displays).toMatchObject([
      { 'text/markdown': '# a' },
      { 'text/latex': '$x$' },
      { 'application/json': { a: [1] } },
      { 'image/svg+xml': expect.stringContaining('<svg') },
      { 'text/html': '<b>' },
      { 'image/png': PNG },
      { 'text/own': 'captured', 'image/png': 'iVBORw==' },
      { 'image/png': PNG },
    ])
    expect(body.result).toEqual({
      'text/plain': '   a\n0  1',
      'text/html': expect.stringContaining('<table'),
    })
    expect(body.files).toEqual([])
  })

  test.each([
    ['a figure is shown once', 'import matplotlib.pyplot as plt\nplt.plot([1])\nplt.gcf()', PNG],
    ['a picture', 'from PIL import Image\nImage.new("1", (1, 1))', PNG],
    ['no value', 'x = 1', null],
    ['a value that is not wanted', '1;', null],
    ['None', 'None', null],
  ])('%s', async (_what, code, png) => {
    const { displays, result } = await python(code)
    expect([displays, result?.['image/png'] ?? null]).toEqual([[], png])
  })

  test('a magic for the whole cell', async () => {
    expect(await python('%%bash\necho $((1 + 1))')).toMatchObject({ stdout: '2\n', exit_code: 0 })
  })

  test.each([
    ['an error', 'print(1)\ndef f(): raise ValueError("no")\nf()', 1, 'ValueError', 2],
    ['an error after an await', 'async def f(): 1 / 0\nawait f()', 1, 'ZeroDivisionError', 1],
    ['a syntax error', 'x = 1\nif x\n  2', 1, 'SyntaxError', 2],
    ['a magic that there is not', '%nosuch', 1, 'UsageError', 1],
  ])('%s is told without the lines of IPython', async (_what, code, exitCode, name, line) => {
    const { exit_code, error, stderr } = await python(code)
    expect([exit_code, error]).toEqual([exitCode, expect.objectContaining({ name, line })])
    expect(stderr).not.toMatch(/dist-packages|runner\.py|cells\.py/)
  })

  test.each([
    'import sys; sys.exit(3)',
    'exit(3)',
    'raise SystemExit(3)',
    'import os; os._exit(3)',
  ])('%s ends it with that exit code', async (code) => {
    expect(await python(code)).toMatchObject({ status: 'failed', exit_code: 3, error: null })
  })

  test('what it shows is told at once', async () => {
    client.url = manager.url
    const run = { language: 'python', mode: 'cell', code: 'print("a")\ndisplay("b")\n"c"' }
    const told: [string, object][] = []
    for await (const { event, data } of client.events('/v1/runs', run)) told.push([event, data])
    expect(told.map(([event]) => event)).toEqual(['started', 'stdout', 'display', 'done'])
    expect(told[2]?.[1]).toEqual({ data: { 'text/plain': "'b'" } })
    expect(told[3]?.[1]).toMatchObject({ result: { 'text/plain': "'c'" } })
  })
})

describe('javascript', () => {
  test.each([
    ['const a = [1];\n({ a })', '{ a: [ 1 ] }'],
    ['{ a: 1 }', '{ a: 1 }'],
    ['const { x } = await Promise.resolve({ x: 2 })\nclass K { y = x }\nnew K().y // end', '2'],
    [
      'import _ from "lodash"\nimport * as path from "node:path"\nimport { sep as it } from "node:path"\n_.sum([1, 2]) + path.sep + it',
      "'3//'",
    ],
    ['let n: number = 5\nn * 2', '10'],
    ['function f() { return f.name }\nawait 1\nf()', "'f'"],
    ['for await (const n of [1]) n', undefined],
    ['const x = 1', undefined],
  ])('%s', async (code, text) => {
    const { result, stderr } = await javascript(code)
    expect([result?.['text/plain'], stderr]).toEqual([text, ''])
  })

  test('displays values, and forms that they name', async () => {
    const { displays, result } = await javascript(`display(new Map([[1, 2]]))
display({ 'text/html': '<b>' }, { raw: true })
;({ [Symbol.for('Jupyter.display')]: () => ({ 'image/svg+xml': '<svg/>' }) })`)
    expect(displays).toEqual([{ 'text/plain': 'Map(1) { 1 => 2 }' }, { 'text/html': '<b>' }])
    expect(result).toEqual({ 'image/svg+xml': '<svg/>' })
  })

  test.each([
    ['let a\nthrow new TypeError("no")', 'TypeError', 2],
    ['await 1\nnull.x', 'TypeError', 2],
    ['let a\nif (', 'SyntaxError', 2],
    ['await new Promise(() => {})', 'Error', null],
  ])('%s fails', async (code, name, line) => {
    const { exit_code, error } = await javascript(code)
    expect([exit_code, error.name, error.line]).toEqual([1, name, line])
  })
})

test('bash: a script', async () => {
  expect(await cell('bash', 'echo $((1 + 1))')).toMatchObject({ stdout: '2\n', result: null })
})
