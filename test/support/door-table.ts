import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, expect } from 'vitest'

/** The page that has the table, between these lines. With WRITE_DOOR_TABLE=1 the tests write it. */
const PAGE = 'docs/doors/README.md'
const TABLE =
  /(?<=<!-- The tests write this table: WRITE_DOOR_TABLE=1 npm run test:doors -->\n\n)(?:\|.*\n)+/
const HEAD = '| door | client | passed |\n|---|---|---|\n'

interface Row {
  passed: number
  applicable: number
  /** Tests of the group. */
  readonly all: number
}

/**
 * Counts the tests of a file by their first two groups, front door and client, prints the table at its end
 * (passed of those that apply), and holds the page to it. What a filter has left out is not looked at.
 */
export function useDoorTable(): void {
  const rows = new Map<string, Row>()
  afterEach(({ task }) => {
    const { suite } = task
    const door = suite?.suite?.name ?? ''
    const name = `| ${door} | ${suite?.name.replaceAll("'", '')} |`
    if (door === '') return
    const row = rows.get(name) ?? { passed: 0, applicable: 0, all: suite?.tasks.length ?? 0 }
    rows.set(name, row)
    row.applicable++
    if ((task.result?.errors ?? []).length === 0) row.passed++
  })
  afterAll(() => {
    const whole = [...rows].filter(([, { applicable, all }]) => applicable === all)
    const lines = whole.map(
      ([name, { passed, applicable }]) => `${name} ${passed}/${applicable} |\n`,
    )
    console.log(HEAD + lines.join(''))
    const page = readFileSync(PAGE, 'utf8')
    if (process.env.WRITE_DOOR_TABLE) {
      writeFileSync(
        PAGE,
        page.replace(TABLE, () => HEAD + lines.join('')),
      )
    } else for (const line of lines) expect(page).toContain(line)
  })
}
