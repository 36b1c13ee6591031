import type { RunEvent, RunOptions, RunOutcome, RunRequest, Runs } from '../../src/run/types.ts'
import { outcomeWith } from './door.ts'
import type { SseEvent } from './native-client.ts'

/** Runs that a test plays: it tells events when it wants to, and ends them. */
export class PlayedRuns implements Runs {
  play: (
    tell: (event: RunEvent) => void,
    request: RunRequest,
    signal: AbortSignal,
  ) => Promise<RunOutcome> = async () => outcomeWith()
  running = 0

  /** Forgets what a test has set. */
  reset(): void {
    this.play = async () => outcomeWith()
  }

  async start(request: RunRequest, { signal, onStart, onEvent }: RunOptions): Promise<RunOutcome> {
    this.running++
    try {
      const tell = (event: RunEvent) => {
        if (event.type === 'started') onStart?.()
        onEvent?.(event)
      }
      return await this.play(tell, request, signal)
    } finally {
      this.running--
    }
  }
}

/** Returns all events of a stream, once it has ended. */
export async function collect(events: AsyncIterable<SseEvent>): Promise<SseEvent[]> {
  const all: SseEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

/** A moment at which a test lets a run go on. */
export function gate(): { wait: Promise<void>; open: () => void } {
  let open = () => {}
  const wait = new Promise<void>((resolve) => {
    open = resolve
  })
  return { wait, open }
}
