import { describe, expect, test } from 'vitest'
import { Lifecycle, type LifecycleState } from '../../src/pool/lifecycle.ts'
import { FakeExecutor } from '../support/fake-executor.ts'

const executor = new FakeExecutor('a')
const steps = {
  ready: (slot: Lifecycle) => slot.toReady(executor),
  leased: (slot: Lifecycle) => slot.toLeased(),
  disposing: (slot: Lifecycle) => slot.toDisposing(),
  gone: (slot: Lifecycle) => slot.toGone(),
}
type Step = keyof typeof steps

/** Ways to each state, as the header of slot.ts draws them. */
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
  const slot = new Lifecycle()
  for (const step of ways[state]) steps[step](slot)
  return slot
}

describe.each(Object.keys(ways) as LifecycleState[])('an executor that is %s', (state) => {
  test.each(Object.keys(steps) as Step[])('towards %s', (step) => {
    const slot = slotIn(state)
    if (allowed[state].includes(step)) {
      steps[step](slot)
      expect(slot.state).toBe(step)
    } else {
      expect(() => steps[step](slot)).toThrow(`from ${state} to ${step}`)
      expect(slot.state).toBe(state)
    }
  })

  test('has an executor from ready to disposing', () => {
    const slot = slotIn(state)
    if (state === 'warming' || state === 'gone') expect(() => slot.executor).toThrow(state)
    else expect(slot.executor).toBe(executor)
  })
})
