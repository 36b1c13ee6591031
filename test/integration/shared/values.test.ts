import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

const { client } = useShared()

const IDENTITY: Record<string, string> = {
  python: 'def main(a): return a',
  nodejs: 'function main({ a }) { return a }',
}
const languages = Object.keys(IDENTITY)

async function valueText(language: string, code: string, argsJson: string): Promise<string> {
  const text = await client.runForText(language, code, argsJson)
  return /"result":\{"present":true,"value":(.*),"type":"json"\}\}$/s.exec(text)?.[1] ?? text
}

const WORDS = {
  umlaut: 'grüße',
  japanese: '日本語',
  emoji: '👩‍👩‍👧 🎉',
  right_to_left: 'שלום',
  zero: 'a\u0000b',
  separators: 'a\u2028b\u2029c',
  quotes: '"\\\'\n\t',
}

describe.concurrent.each(languages)('%s: values there and back', (language) => {
  test('of every kind', async () => {
    const a = [null, true, false, 0, -1, 1.5, '', 'x', [], {}, { deep: [[[{ x: [] }]]] }, WORDS]
    const answer = await client.run(language, IDENTITY[language] as string, { a })
    expect(answer.result).toEqual({ present: true, value: a, type: 'json' })
  })

  test('several MB', async () => {
    const a = Array.from({ length: 20_000 }, (_, index) => `${index}`.padStart(200, 'ü'))
    const answer = await client.run(language, IDENTITY[language] as string, { a })
    expect(answer.result?.value).toEqual(a)
  })

  test('of the sizes about which a result no longer fits beside the exit code', async () => {
    const code = {
      python: 'def main(n): return "x" * n',
      nodejs: 'function main({ n }) { return "x".repeat(n) }',
    }[language] as string
    const sizes = [4087, 4088, 4089, 4090, 4091, 4096, 65_536]
    const answers = await Promise.all(sizes.map((n) => client.run(language, code, { n })))
    expect(answers.map(({ result }) => String(result?.value).length)).toEqual(sizes)
  })

  test.each(['null', '{}'])('arguments %s are none', async (argsJson) => {
    const code = { python: 'def main(): return 1', nodejs: 'function main(a) { return a }' }
    const text = await valueText(language, code[language as 'python'], argsJson)
    expect(text).toBe(language === 'python' ? '1' : '{}')
  })
})

describe.concurrent('numbers', () => {
  test.each(['1.0', '12345678901234567890', '-1e+300', '0.1', '123456789012345678901234567890'])(
    'Python gets and gives %s as it is',
    async (number) => {
      expect(await valueText('python', IDENTITY.python as string, `{"a":${number}}`)).toBe(number)
    },
  )

  test('Python tells 1 from 1.0 in its arguments', async () => {
    const code = 'def main(a, b): return [type(a).__name__, type(b).__name__]'
    expect(await valueText('python', code, '{"a":1,"b":1.0}')).toBe('["int","float"]')
  })

  test('NaN and the infinities become null, as in JavaScript', async () => {
    const python = 'def main(): return [float("nan"), float("inf"), {"a": -float("inf")}, 1.5]'
    const nodejs = 'function main() { return [NaN, Infinity, { a: -Infinity }, 1.5] }'
    expect(await valueText('python', python, '{}')).toBe('[null,null,{"a":null},1.5]')
    expect(await valueText('nodejs', nodejs, '{}')).toBe('[null,null,{"a":null},1.5]')
  })
})

describe.concurrent('Unicode', () => {
  test.each([
    [
      'python',
      'import sys\ndef main():\n  print("ü 日本 🎉")\n  print("é", file=sys.stderr)\n  return "ü 日本 🎉"',
    ],
    [
      'nodejs',
      'function main() { console.log("ü 日本 🎉"); console.error("é"); return "ü 日本 🎉" }',
    ],
    ['bash', 'echo "ü 日本 🎉"; echo é >&2'],
  ])('%s: in source, output and result', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'success', stdout: 'ü 日本 🎉\n', stderr: 'é\n' })
    if (language !== 'bash') expect(answer.result?.value).toBe('ü 日本 🎉')
  })

  test.each([
    ['python', 'import sys\ndef main(): sys.stdout.buffer.write(b"a\\xffb")'],
    ['nodejs', 'function main() { process.stdout.write(Buffer.from([97, 255, 98])); return null }'],
    ['bash', "printf 'a\\377b'"],
  ])('%s: output that is not UTF-8 is replaced', async (language, code) => {
    expect(await client.run(language, code)).toMatchObject({
      status: 'success',
      stdout: 'a\ufffdb',
    })
  })

  test.each([
    ['python', 'def main(): return "a\\ud800b"'],
    ['nodejs', 'function main() { return "a\\ud800b" }'],
  ])('%s: half of a surrogate pair is still valid JSON', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer.result?.value).toBe('a\ud800b')
  })

  test.each([
    ['python', 'def größe(): raise ValueError("日本")\ndef main(): größe()'],
    ['nodejs', 'function größe() { throw new Error("日本") }\nfunction main() { größe() }'],
  ])('%s: in an error', async (language, code) => {
    const { stderr } = await client.run(language, code)
    expect(stderr).toContain('größe')
    expect(stderr).toContain('日本')
  })
})

describe.concurrent('libraries', () => {
  test('Python has numpy, pandas, matplotlib and requests', async () => {
    const code = `
import numpy, pandas, requests
import matplotlib.pyplot as plt
def main():
    frame = pandas.DataFrame({"a": numpy.arange(3)})
    plt.plot(frame.a)
    plt.savefig("artifacts/plot.png")
    return int(frame.a.sum())
`
    const answer = await client.run('python', code)
    expect(answer).toMatchObject({ status: 'success', result: { value: 3 }, stderr: '' })
    expect(answer.artifacts).toMatchObject([{ name: 'plot.png', mime_type: 'image/png' }])
    const png = Buffer.from(answer.artifacts[0]?.content_b64 ?? '', 'base64')
    expect(png.subarray(1, 4).toString()).toBe('PNG')
  })

  test('Node.js has axios', async () => {
    const code = 'const axios = require("axios")\nfunction main() { return typeof axios.get }'
    expect((await client.run('nodejs', code)).result?.value).toBe('function')
  })

  test('what is loaded beforehand is out of sight until it is imported', async () => {
    const code =
      'import sys\ndef main(): return sorted({"pandas", "numpy", "json"} & set(sys.modules))'
    expect((await client.run('python', code)).result?.value).toEqual([])
  })
})
