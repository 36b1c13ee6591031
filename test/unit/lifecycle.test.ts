import { describe, expect, test } from 'vitest'
import { Lifecycle, type LifecycleState } from '../../src/pool/lifecycle.ts'
import { FakeExecutor } from '../support/fake-executor.ts'

const executor = new FakeExecutor('a')
const steps = {
  ready: (lifecycle: Lifecycle) => lifecycle.toReady(executor),
  leased: (lifecycle: Lifecycle) => lifecycle.toLeased(),
  disposing: (lifecycle: Lifecycle) => lifecycle.toDisposing(),
  gone: (lifecycle: Lifecycle) => lifecycle.toGone(),
}
type Step = keyof typeof steps

/** Ways to each state, as the header of lifecycle.ts draws them. */
const ways: Record<LifecycleState, Step[]> = {
  warming: [],
  ready: ['ready'],
  leased: ['ready', 'leased'],
  disposing: ['ready', 'leased', 'disposing'],
  gone: ['ready', 'disposing', 'gone'],
}
const allowed: Record<LifecycleState, Step[]> = {
  warming: ['ready', 'gone'],
  ready: ['leased', 'disposing'],
  leased: ['disposing'],
  disposing: ['gone'],
  gone: [],
}

function slotIn(state: LifecycleState): Lifecycle {
  const lifecycle = new Lifecycle()
  for (const step of ways[state]) steps[step](lifecycle)
  return lifecycle
}

describe.each(Object.keys(ways) as LifecycleState[])('an executor that is %s', (state) => {
  test.each(Object.keys(steps) as Step[])('towards %s', (step) => {
    const lifecycle = slotIn(state)
    if (allowed[state].includes(step)) {
      steps[step](lifecycle)
      expect(lifecycle.state).toBe(step)
    } else {
      expect(() => steps[step](lifecycle)).toThrow(`from ${state} to ${step}`)
      expect(lifecycle.state).toBe(state)
    }
  })

  test('has an executor from ready to disposing', () => {
    const lifecycle = slotIn(state)
    if (state === 'warming' || state === 'gone') expect(() => lifecycle.executor).toThrow(state)
    else expect(lifecycle.executor).toBe(executor)
  })
})
