/**
 * Writes the clients' types from the OpenAPI document that the service serves, and Python's client for threads from
 * the one for asyncio: `npm run generate`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openApiDocument } from '../src/api/v1/openapi.ts'
import { pythonTypes } from './generate-python.ts'
import { threadsModule } from './generate-threads.ts'
import { typescriptTypes } from './generate-typescript.ts'
import type { Schemas } from './schema.ts'

/** Generated files by path. A test holds the committed ones to what this returns. */
export function generatedFiles(): Map<string, string> {
  const { components } = openApiDocument('') as { components: { schemas: Schemas } }
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
  const python = (module: string) => path(`python/src/executor_manager/${module}.py`)
  const threads = ['client', 'sessions', 'session_files'].map((name): [string, string] => {
    const source = readFileSync(python(`_async_${name}`), 'utf8')
    return [python(`_${name}`), threadsModule(source, `_async_${name}`)]
  })
  return new Map([
    ...threads,
    [path('typescript/src/types.ts'), typescriptTypes(components.schemas)],
    [python('types'), pythonTypes(components.schemas)],
  ])
}

/** Writes them. */
export function generate(): void {
  for (const [path, text] of generatedFiles()) writeFileSync(path, text)
}
