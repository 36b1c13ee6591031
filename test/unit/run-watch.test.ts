import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LOOK_MS, RunWatch } from '../../src/engine/runsc/run-watch.ts'

const WALL_MS = 10_000
/** The manager steps in somewhat later than the supervisor. */
const DEADLINE_MS = WALL_MS + 1500

/** A watch whose clock and whose ticks are in the hands of the test. */
function watched() {
  let nowMs = 1000
  const state = { bytes: 0, looks: 0, end: null as 'deadline' | 'late' | null }
  const watch = new RunWatch(
    WALL_MS,
    {
      look: () => state.looks++,
      bytesRead: () => state.bytes,
      onDeadline: () => {
        state.end = 'deadline'
      },
      onLate: () => {
        state.end = 'late'
      },
    },
    () => nowMs,
  )
  return {
    state,
    watch,
    /** Ticks, each this long after the one before. */
    async pass(ms: number, stepMs = LOOK_MS) {
      for (let passed = 0; passed < ms && !state.end; passed += stepMs) {
        nowMs += stepMs
        watch.tick()
        await turn()
        await turn()
        await turn()
      }
    },
  }
}

describe('the deadline of a run', () => {
  test('comes after the limit and some grace, when nothing is said', async () => {
    const { state, pass } = watched()
    await pass(DEADLINE_MS - LOOK_MS)
    expect(state.end).toBeNull()
    await pass(2 * LOOK_MS)
    expect(state.end).toBe('deadline')
    expect(state.looks).toBeGreaterThan(100)
  })

  test.each([1, 2])('does not count time in which this thread was late (%i times)', async (n) => {
    const { state, pass } = watched()
    for (let stall = 0; stall < n; stall++) await pass(8000, 8000 / n)
    expect(state.end).toBeNull()
    // All that it was on time for is counted: as much as a run may take is left.
    await pass(DEADLINE_MS - n * n * 2 * LOOK_MS - LOOK_MS)
    expect(state.end).toBeNull()
  })

  test('waits while the sandbox still speaks, but not for ever', async () => {
    const { state, pass } = watched()
    await pass(DEADLINE_MS - LOOK_MS)
    for (let step = 0; step < 10; step++) {
      state.bytes++
      await pass(LOOK_MS)
      expect(state.end).toBeNull()
    }
    for (let step = 0; step < 100; step++) {
      state.bytes++
      await pass(LOOK_MS)
    }
    expect(state.end).toBe('deadline')
  })

  test('what arrives in the turns after the last look still counts', async () => {
    let nowMs = 0
    const state = { bytes: 0, ended: false }
    const watch = new RunWatch(
      WALL_MS,
      {
        look: () => {},
        bytesRead: () => state.bytes,
        onDeadline: () => {
          state.ended = true
        },
        onLate: () => {},
      },
      () => nowMs,
    )
    for (; nowMs < DEADLINE_MS; nowMs += LOOK_MS) watch.tick()
    watch.tick()
    state.bytes = 1
    for (let turns = 0; turns < 5; turns++) await turn()
    expect(state.ended).toBe(false)
    watch.stop()
    nowMs += 10 * DEADLINE_MS
    watch.tick()
    for (let turns = 0; turns < 5; turns++) await turn()
    expect(state.ended).toBe(false)
  })

  test('a thread that is late all the time says that it knows nothing', async () => {
    const { state, pass } = watched()
    await pass(100 * DEADLINE_MS, 5000)
    expect(state.end).toBe('late')
  })

  test('a watch that was stopped does nothing', async () => {
    const { state, watch, pass } = watched()
    watch.stop()
    await pass(DEADLINE_MS * 2)
    expect(state).toMatchObject({ end: null, looks: 0 })
  })
})
