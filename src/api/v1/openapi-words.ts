import { PROBLEMS, type ProblemName } from './problems.ts'

/** What the parts of the OpenAPI document are written with. */

export type Json = Record<string, unknown>

export const REF = '#/components/schemas/'

/** What every address that is a caller's own may answer. */
export const OWN: readonly ProblemName[] = [
  'invalid-request',
  'unauthorized',
  'forbidden',
  'not-found',
]

export const headerParameter = (name: string, description: string): Json => ({
  name,
  in: 'header',
  description,
  schema: { type: 'string' },
})

export const ref = (name: string): Json => ({ $ref: REF + name })
export const json = (name: string): Json => ({ 'application/json': { schema: ref(name) } })
export const textHeader = (description: string): Json => ({
  description,
  schema: { type: 'string' },
})

/** Describes the headers of rates. They come where the operator has set a rate. */
export function rateHeaders(): Json {
  return {
    'RateLimit-Policy': textHeader('The quota of runs, such as "runs";q=100'),
    RateLimit: textHeader(
      'What is left of it, and the seconds until it is whole: "runs";r=99;t=60',
    ),
  }
}

/** Describes the answers of these problems, by status. */
export function failures(names: readonly ProblemName[]): Json {
  const statuses = [...new Set(names.map((name) => PROBLEMS[name].status as number))]
  return Object.fromEntries(
    statuses.map((status) => {
      const titles = Object.entries(PROBLEMS)
        .filter(([, problem]) => problem.status === status)
        .map(([name, { title }]) => `${name}: ${title}.`)
      const retries = status === 429 || status === 503
      const headers = retries
        ? { 'Retry-After': textHeader('Seconds to wait'), ...rateHeaders() }
        : undefined
      return [
        status,
        {
          description: titles.join(' '),
          ...(headers ? { headers } : {}),
          content: { 'application/problem+json': { schema: ref('Problem') } },
        },
      ]
    }),
  )
}
