import { expect, test } from 'vitest'
import type { Client } from './client.ts'
import { useManager } from './manager.ts'

export interface Input {
  readonly what: string
  readonly code: readonly string[]
  readonly language?: string
  readonly args?: object
  /** The value of the result. */
  readonly value?: unknown
  readonly want?: object
  /** Names and media types of the files that come, all of them. */
  readonly files?: readonly (readonly [string, string])[]
  readonly stdout?: string | RegExp
  readonly stderr?: string | RegExp
  readonly detail?: string | RegExp
}

/** A test for each: the answer by the tables of docs/results.md. */
export function eachInput(client: Client, inputs: readonly Input[]): void {
  test.for(inputs)('$what', async (input) => {
    const { code, language = 'python', args = {}, value, want, files, ...texts } = input
    const answer = await client.run(language, code.join('\n'), args)
    expect(answer).toMatchObject(want ?? { status: 'success', exit_code: 0 })
    if (value !== undefined) expect(answer.result?.value).toEqual(value)
    if (files) {
      const came = answer.artifacts.map(({ name, mime_type }) => [name, mime_type])
      expect(came.sort()).toEqual([...files].sort())
    }
    for (const stream of ['stdout', 'stderr', 'detail'] as const) {
      const wanted = texts[stream]
      if (wanted !== undefined) expect(answer[stream] ?? '').toMatch(wanted)
    }
  })
}

/** A manager with all that an operator has, for programs of every form. */
export function useWholeManager(): Client {
  return useManager({
    poolSize: 2,
    codePolicy: 'balanced',
    leanExecutors: true,
    richExecutors: true,
    limits: { wallTimeMs: 60_000, memoryBytes: 512 * 1024 ** 2 },
  })
}
