import { closeSync, openSync, writeSync } from 'node:fs'
import { expect } from 'vitest'

/** Writes a file until its disk is full. */
export function fill(file: string): void {
  const fd = openSync(file, 'w')
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096))
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  } finally {
    closeSync(fd)
  }
}
