/**
 * Requests that can be canceled by another request, such as MCP's `notifications/cancelled` of the revisions
 * before 2026-07-28. An id belongs to a client; clients of one key are told apart by the session id that each was
 * given. Where two requests have the same name all the same, neither is canceled.
 */
export class Cancels {
  readonly #running = new Map<string, Set<AbortController>>()

  /** @returns what fires when it is canceled, and what is to be called when it is over */
  add(name: string): { signal: AbortSignal; done: () => void } {
    const controller = new AbortController()
    const same = this.#running.get(name) ?? new Set()
    this.#running.set(name, same.add(controller))
    const done = () => {
      same.delete(controller)
      if (same.size === 0) this.#running.delete(name)
    }
    return { signal: controller.signal, done }
  }

  cancel(name: string): void {
    const [controller, ...others] = this.#running.get(name) ?? []
    if (others.length === 0) controller?.abort()
  }
}

/** Returns the name of a client's request. */
export function requestName(caller: string, session: string, id: unknown): string {
  return JSON.stringify([caller, session, id])
}
