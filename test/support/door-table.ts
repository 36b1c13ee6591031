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
 * (passed of those that apply), and holds the page to it. What was left out, by a filter or because the other
 * side's checkout is not there, is not looked at.
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
        page.replace(TABLE, (table) => withLines(table, lines)),
      )
    } else for (const line of lines) expect(page).toContain(line)
  })
}

/** The table with these lines, each in the place of the one with the same client or behind those of its door. */
function withLines(table: string, lines: readonly string[]): string {
  const all = table.slice(HEAD.length).split(/(?<=\n)(?=.)/)
  for (const line of lines) {
    const client = line.slice(0, line.lastIndexOf('| ', line.length - 4))
    const door = line.slice(0, line.indexOf('|', 1))
    const at = all.findIndex((one) => one.startsWith(client))
    const behind = all.findLastIndex((one) => one.startsWith(door))
    if (at >= 0) all[at] = line
    else all.splice((behind < 0 ? all.length : behind) + 1, 0, line)
  }
  return HEAD + all.join('')
}
