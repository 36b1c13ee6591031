import { afterAll, afterEach } from 'vitest'

/**
 * Counts the tests of a file by their first two groups, front door and client, and prints the table at its end:
 * passed of those that apply.
 */
export function useDoorTable(): void {
  const rows = new Map<string, { passed: number; applicable: number }>()
  afterEach(({ task }) => {
    const { suite } = task
    const door = suite?.suite?.name ?? ''
    const name = `| ${door} | ${suite?.name.replaceAll("'", '')} |`
    if (door === '') return
    const row = rows.get(name) ?? { passed: 0, applicable: 0 }
    rows.set(name, row)
    row.applicable++
    if ((task.result?.errors ?? []).length === 0) row.passed++
  })
  afterAll(() => {
    const lines = [...rows].map(
      ([name, { passed, applicable }]) => `${name} ${passed}/${applicable} |`,
    )
    console.log(['| door | client | passed |', '|---|---|---|', ...lines].join('\n'))
  })
}
