/** Returns a function that does the work at its first call, and nothing at further ones. */
export function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    work()
  }
}
