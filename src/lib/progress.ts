/** Tells the operator what the set-up does and how far it is. */

/** Receives a step, and its percentage where it is known. May be called often: the renderer drops lines. */
export type Progress = (message: string, percent?: number) => void

const LINE_EVERY_MS = 5_000

/**
 * Renders progress to a terminal (one line, rewritten) or to a log (a line for each step, and every few seconds
 * within a step). `end` finishes an open line.
 */
export function consoleProgress(
  output: NodeJS.WriteStream = process.stderr,
  now: () => number = () => performance.now(),
): { progress: Progress; end: () => void } {
  const startedMs = now()
  let current = ''
  let writtenMs = 0
  let open = false
  const progress: Progress = (message, percent) => {
    const isNew = message !== current
    if (!isNew && !output.isTTY && now() - writtenMs < LINE_EVERY_MS) return
    const seconds = `${Math.round((now() - startedMs) / 1000)} s`.padStart(6)
    const text = `${seconds}  ${message}${percent === undefined ? '' : ` ${Math.floor(percent)} %`}`
    if (!output.isTTY) output.write(`${text}\n`)
    else output.write(`${isNew && open ? '\n' : '\r'}\x1b[K${text}`)
    open = output.isTTY === true
    current = message
    writtenMs = now()
  }
  return {
    progress,
    end: () => {
      if (open) output.write('\n')
      open = false
    },
  }
}
