import type { Reporter, TestModule } from 'vitest/node'

/**
 * Ends the output with one plain line, `N passed, N failed`, for whoever counts tests by reading it.
 * What broke outside of a test (a file that does not load, an error nobody caught) counts as failed.
 */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0
    let failed = unhandledErrors.length
    for (const module of modules) {
      failed += module.errors().length
      for (const suite of module.children.allSuites()) failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed++
        // A pending test was never reached: its file broke off.
        else if (state !== 'skipped') failed++
      }
    }
    // After the summary of the other reporters, which comes in this same turn.
    setImmediate(() => console.log(`${passed} passed, ${failed} failed`))
  }
}
