import { ExecutorManagerError, errorOf } from './errors.ts'
import { readEvents } from './sse.ts'
import type { Problem } from './types.ts'

/**
 * The events of an answer, up to the last one, `done`.
 * @throws ExecutorManagerError
 */
export async function* eventsOf<Event>(
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<Event, void> {
  let cause: unknown
  try {
    for await (const { id, event, data: text } of readEvents(response.body as ReadableStream)) {
      const data = JSON.parse(text)
      if (event === 'error') throw errorOf(data as Problem)
      yield { id, event, data } as Event
      if (event === 'done') return
    }
  } catch (error) {
    if (error instanceof ExecutorManagerError) throw error
    cause = error
  }
  signal?.throwIfAborted()
  throw new ExecutorManagerError('broken-stream', 'the events broke off before the run had ended', {
    cause,
  })
}
