/**
 * Waits for the work until the signal is aborted. After that the work goes on, and its result or failure is
 * ignored.
 * @returns the result of the work
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
