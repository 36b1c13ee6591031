import type { FastifyRequest } from 'fastify'
import { Refused } from '../../refused.ts'
import type { Sandbox } from './present.ts'

/** Which sandboxes a client asks for. */
export interface ListQuery {
  readonly metadata: Readonly<Record<string, string>>
  readonly states: readonly string[]
  readonly startedAfterMs: number
  readonly template: string | null
  readonly isOldestFirst: boolean
  readonly limit: number
  /** Behind this one. */
  readonly after: Place | null
}

interface Place {
  readonly startedAtMs: number
  readonly id: string
}

const STATES = ['running', 'paused']
const MOST = 100

/**
 * Reads which sandboxes a client asks for.
 * @throws Refused 400
 */
export function listQueryOf({ query }: FastifyRequest): ListQuery {
  const asked = query as Readonly<Record<string, string | string[] | undefined>>
  const one = (name: string) => [asked[name]].flat()[0] || null
  const states = [asked.state ?? STATES].flat().flatMap((part) => part.split(','))
  const startedAfter = one('startedAfter')
  const startedAfterMs = startedAfter === null ? -Infinity : Date.parse(startedAfter)
  const limit = Number(one('limit') ?? MOST)
  const order = one('order') ?? 'desc'
  if (!states.every((state) => STATES.includes(state))) throw wrong('state')
  if (Number.isNaN(startedAfterMs)) throw wrong('startedAfter')
  if (!Number.isInteger(limit) || limit < 1) throw wrong('limit')
  if (order !== 'asc' && order !== 'desc') throw wrong('order')
  return {
    metadata: metadataIn(one('metadata') ?? ''),
    states,
    startedAfterMs,
    template: one('template'),
    isOldestFirst: order === 'asc',
    limit: Math.min(limit, MOST),
    after: placeIn(one('nextToken')),
  }
}

/**
 * Finds the sandboxes that are asked for.
 * @returns those of one page, and what asks for the next one; null: it is the last
 */
export function pageOf(
  all: readonly Sandbox[],
  query: ListQuery,
): { page: readonly Sandbox[]; next: string | null } {
  const { isOldestFirst, limit, after } = query
  const order = (one: Place, other: Place) => {
    const later = one.startedAtMs - other.startedAtMs || (one.id < other.id ? -1 : 1)
    return isOldestFirst ? later : -later
  }
  const found = all
    .filter((sandbox) => isAsked(sandbox, query))
    .filter((sandbox) => after === null || isBehind(placeOf(sandbox), after, order))
    .sort((one, other) => order(placeOf(one), placeOf(other)))
  const page = found.slice(0, limit)
  const last = found.length > limit ? page.at(-1) : undefined
  return { page, next: last ? tokenOf(placeOf(last)) : null }
}

function isBehind(place: Place, after: Place, order: (one: Place, other: Place) => number) {
  return place.id !== after.id && order(place, after) > 0
}

function isAsked({ info, note }: Sandbox, query: ListQuery): boolean {
  const { metadata, states, startedAfterMs, template } = query
  return (
    states.includes(info.isPaused ? 'paused' : 'running') &&
    info.createdAtMs >= startedAfterMs &&
    (template === null || [note.templateId, note.alias].includes(template)) &&
    Object.entries(metadata).every(([name, value]) => info.metadata[name] === value)
  )
}

/** Clients encode names and values, then the pairs, and then all of it as one part of the query. */
function metadataIn(text: string): Record<string, string> {
  const pairs = [...new URLSearchParams(text)]
  return Object.fromEntries(pairs.map((pair) => pair.map(decoded)))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function placeOf({ info }: Sandbox): Place {
  return { startedAtMs: info.createdAtMs, id: info.id }
}

function tokenOf({ startedAtMs, id }: Place): string {
  return Buffer.from(`${startedAtMs} ${id}`).toString('base64url')
}

function placeIn(token: string | null): Place | null {
  if (token === null) return null
  const text = Buffer.from(token, 'base64url').toString()
  const [, startedAtMs, id] = /^(\d{1,16}) ([\w-]{1,64})$/.exec(text) ?? []
  if (!startedAtMs || !id) throw wrong('nextToken')
  return { startedAtMs: Number(startedAtMs), id }
}

function wrong(name: string): Refused {
  return new Refused(400, `${name}: is not valid`)
}
