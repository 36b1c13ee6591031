import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { openApiDocument } from './openapi.ts'

/** Everything that the page needs comes from here, and it runs nothing that stands in the page itself. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const ASSETS = {
  '/docs': ['page.html', 'text/html; charset=utf-8'],
  '/docs/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/docs/page.css': ['page.css', 'text/css; charset=utf-8'],
} as const

/** Adds `/openapi.json`, and a page that shows it and tries it out. */
export function addDocsRoutes(app: FastifyInstance, version: string): void {
  const config = { isOpen: true }
  const document = JSON.stringify(openApiDocument(version))
  app.get('/openapi.json', { config }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(document),
  )
  for (const [path, [file, type]] of Object.entries(ASSETS)) {
    const text = readFileSync(new URL(`./docs/${file}`, import.meta.url), 'utf8')
    app.get(path, { config }, async (_request, reply) =>
      reply
        .type(type)
        .header('content-security-policy', CONTENT_SECURITY_POLICY)
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer')
        .header('cache-control', 'no-cache')
        .send(text),
    )
  }
}
