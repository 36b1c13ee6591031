import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { NO_TRACES, tracesOf } from '../support/traces.ts'

/** What a program that got out, or a manager that forgot something, would change. */
interface MachineState {
  readonly mounts: string
  /** Files where programs write, by names of ours: others use these folders as well. */
  readonly files: readonly string[]
  /** Children of this process and theirs. */
  readonly descendants: readonly string[]
  readonly openFiles: number
}

/**
 * Compares the machine before and after all tests of a file. To be called before useManager(), so
 * that the last look comes after the manager's end.
 */
export function useUntouchedMachine(): void {
  let before: MachineState
  beforeAll(() => {
    before = stateOfMachine()
  })
  afterAll(() => {
    expect(tracesOf(process.pid)).toEqual(NO_TRACES)
    const { openFiles, ...state } = stateOfMachine()
    const { openFiles: openBefore, ...stateBefore } = before
    expect(state).toEqual(stateBefore)
    // A few of Node.js's own come and go.
    expect(openFiles).toBeLessThan(openBefore + 20)
  })
}

function stateOfMachine(): MachineState {
  const { home } = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME })
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    files: [
      ...['/tmp', '/var/tmp', '/dev/shm', '/'].flatMap((folder) =>
        listed(folder).filter((file) => /adversary|honest-|runsc|^\/core/.test(file)),
      ),
      ...listed(home),
      ...listed(path.join(home, 'images')).filter((file) => !file.includes('.draft')),
    ],
    descendants: descendantsOf(process.pid),
    openFiles: readdirSync('/proc/self/fd').length,
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => path.join(folder, name))
  } catch {
    return []
  }
}

function descendantsOf(pid: number): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  return children.filter(Boolean).flatMap((child) => {
    try {
      const command = readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return [command, ...descendantsOf(Number(child))]
    } catch {
      return [] // Gone between the two calls.
    }
  })
}
