import { MAX_BATCH } from './read-request.ts'

/** Of the list. The number of a page times this is a number that SQLite takes. */
const [MAX_PER_PAGE, MAX_PAGE] = [100, 1_000_000]

/** A page of the list, from 1, and how many it has. */
export interface Page {
  readonly page: number
  readonly perPage: number
}

/** Reads which page a request asks for. @returns what is wrong, in the words of Judge0 */
export function pageIn(query: { page?: unknown; per_page?: unknown }): Page | { wrong: string } {
  const [page, perPage] = [Number(query.page ?? 1), Number(query.per_page ?? MAX_BATCH)]
  const isOf = (value: number, most: number) =>
    Number.isInteger(value) && value > 0 && value <= most
  if (!isOf(page, MAX_PAGE)) return { wrong: 'invalid page' }
  if (!isOf(perPage, MAX_PER_PAGE)) return { wrong: `invalid per_page: it is 1 to ${MAX_PER_PAGE}` }
  return { page, perPage }
}

/** Returns what is told of a page beside what is on it. @param total of all pages */
export function metaOf({ page, perPage }: Page, total: number) {
  const pages = Math.max(1, Math.ceil(total / perPage))
  return {
    current_page: page,
    next_page: page < pages ? page + 1 : null,
    prev_page: page > 1 ? page - 1 : null,
    total_pages: pages,
    total_count: total,
  }
}
