import { describe, expect, test } from 'vitest'
import { KEY, url } from './service.ts'

describe('ragflow', () => {
  const ask = async (path: string, body?: object) => {
    const answer = await fetch(url.service + path, {
      headers: { 'content-type': 'application/json', 'x-api-key': KEY },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    })
    expect(answer.status).toBe(200)
    // biome-ignore lint/suspicious/noExplicitAny: tests look into it
    return (await answer.json()) as any
  }
  const base64 = (code: string) => Buffer.from(code).toString('base64')
  /** What each of its backends sends for one execution. */
  const BACKENDS = {
    'Python, a client of our own': async (language: string, code: string, args: object | null) => {
      for (let i = 0; i < 2; i++) expect(await ask('/healthz')).toEqual({ status: 'ok' })
      return ask('/run', { code_b64: base64(code), language, arguments: args ?? {} })
    },
    'Go, a client of our own': (language: string, code: string, args: object | null) =>
      ask('/run', { code_b64: base64(code), language, arguments: args, base_image: 'x:1' }),
  }

  describe.each(Object.entries(BACKENDS))('%s', (_name, run) => {
    test('the test of its connection passes', async () => {
      const code = 'def main() -> dict:\n    print("TEST_PASSED")\n    return {"ok": True}'
      expect(await run('python', code, null)).toMatchObject({
        exit_code: 0,
        stdout: expect.stringContaining('TEST_PASSED'),
        result: { present: true, value: { ok: true }, type: 'json' },
      })
    })

    test('arguments go in, a result and files of the working directory come out', async () => {
      const code =
        'def main(a, b):\n    open("artifacts/x.csv", "w").write(b)\n    open("y.txt", "w").write(b)\n    return a + 1'
      const { result, artifacts } = await run('python', code, { a: 1, b: '1,2' })
      expect(result.value).toBe(2)
      const names = artifacts.map(({ name }: { name: string }) => name)
      expect(names.toSorted()).toEqual(['x.csv', 'y.txt'])
      const js = 'async function main({a}) { return a }\nmodule.exports = { main }'
      expect((await run('nodejs', js, { a: 'ü' })).result.value).toBe('ü')
    })

    test('an error is told in stderr, with nothing in stdout', async () => {
      const failed = await run(
        'python',
        'def main():\n    print(1)\n    raise ValueError("no")',
        null,
      )
      expect(failed).toMatchObject({ status: 'program_error', exit_code: 1, stdout: '' })
      expect(failed.stderr).toContain('ValueError: no')
    })
  })
})
