import type { Budget, Entry } from '../accounts.ts'
import { globOf, MOST_PATTERN } from './glob.ts'

const MOST_INPUTS = 500
const MOST_BYTES = 256 * 1024

/** What a kernel has executed, the latest of it, on its caller's account. */
export class InputHistory {
  readonly #budget: Budget
  readonly #caller: string
  #inputs: { readonly count: number; readonly code: string }[] = []
  #entry: Entry | null = null
  #bytes = 0

  constructor(budget: Budget, caller: string) {
    this.#budget = budget
    this.#caller = caller
  }

  add(count: number, program: Buffer): void {
    const bytes = 2 * program.length + 100
    if (this.#bytes + bytes > MOST_BYTES || this.#inputs.length >= MOST_INPUTS) this.clear()
    this.#entry ??= this.#budget.open(this.#caller, () => this.clear())
    if (bytes > MOST_BYTES || !this.#entry.add(bytes)) return
    this.#bytes += bytes
    this.#inputs.push({ count, code: program.toString() })
  }

  clear(): void {
    this.#inputs = []
    this.#bytes = 0
    this.#entry?.release()
    this.#entry = null
  }

  /** Returns the content of a reply to `history_request`, as JSON text; of a pattern that is too long, an error. */
  reply({ hist_access_type: access, n, pattern, start, stop, output, unique }: Fields): string {
    const glob = typeof pattern === 'string' ? pattern : '*'
    const matches = access === 'search' ? globOf(glob) : null
    if (access === 'search' && matches === null) {
      const evalue = `A pattern may have ${MOST_PATTERN} characters at most.`
      return JSON.stringify({ status: 'error', ename: 'ValueError', evalue, traceback: [] })
    }
    const found = this.#inputs.filter(({ count, code }) => {
      if (access === 'range') return count >= numberIn(start, 1) && count < numberIn(stop, Infinity)
      return matches === null || matches(code)
    })
    const known =
      unique === true ? [...new Map(found.map((one) => [one.code, one])).values()] : found
    const most = access === 'range' ? known.length : numberIn(n, known.length)
    const history = known
      .slice(Math.max(0, known.length - most))
      .map(({ count, code }) => [0, count, output === true ? [code, null] : code])
    return JSON.stringify({ status: 'ok', history })
  }
}

type Fields = Readonly<Record<string, unknown>>

function numberIn(value: unknown, otherwise: number): number {
  return typeof value === 'number' && value >= 0 ? value : otherwise
}
