/** One event of a stream. */
export interface SseEvent {
  /** Empty where there is none. */
  readonly id: string
  readonly event: string
  readonly data: string
}

/**
 * Reads a stream of events (https://html.spec.whatwg.org/#event-stream-interpretation). An event that breaks
 * off is left out.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<SseEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const event = new EventLines()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const text = decoder.decode(value, { stream: true })
      // A large event comes in many chunks: only the new one is searched for its end.
      if (!/[\r\n]/.test(text)) {
        rest += text
        continue
      }
      const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const whole = event.take(line)
        if (whole) yield whole
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

class EventLines {
  #id = ''
  #event = ''
  #data: string[] = []

  /** @returns the event that an empty line ends */
  take(line: string): SseEvent | null {
    if (line === '') return this.#end()
    const at = line.indexOf(':')
    const name = at < 0 ? line : line.slice(0, at)
    const value = at < 0 ? '' : line.slice(line[at + 1] === ' ' ? at + 2 : at + 1)
    if (name === 'data') this.#data.push(value)
    else if (name === 'event') this.#event = value
    else if (name === 'id') this.#id = value
    return null
  }

  #end(): SseEvent | null {
    const data = this.#data
    const event = this.#event || 'message'
    this.#data = []
    this.#event = ''
    return data.length > 0 ? { id: this.#id, event, data: data.join('\n') } : null
  }
}
