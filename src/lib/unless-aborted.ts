/**
 * Waits for the work, but no longer than until the signal is aborted. The work itself goes on: its
 * result, or its failure, is then nobody's business here.
 * @returns what the work gives
 * @throws the signal's reason when the signal is aborted first, and whatever the work throws
 */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
