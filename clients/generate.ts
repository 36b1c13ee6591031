/** Writes the clients' types from the OpenAPI document that the service serves: `npm run generate`. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openApiDocument } from '../src/api/v1/openapi.ts'
import { pythonTypes } from './generate-python.ts'
import { typescriptTypes } from './generate-typescript.ts'
import type { Schemas } from './schema.ts'

/** Generated files by path. A test holds the committed ones to what this returns. */
export function generatedFiles(): Map<string, string> {
  const { components } = openApiDocument('') as { components: { schemas: Schemas } }
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
  return new Map([
    [path('typescript/src/types.ts'), typescriptTypes(components.schemas)],
    [path('python/src/executor_manager/types.py'), pythonTypes(components.schemas)],
  ])
}

/** Writes them. */
export function generate(): void {
  for (const [path, text] of generatedFiles()) writeFileSync(path, text)
}
