/** The part of JSON Schema (https://json-schema.org/draft/2020-12) that our OpenAPI document uses. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly items?: Schema
  readonly prefixItems?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly required?: readonly string[]
}

export type Schemas = Readonly<Record<string, Schema>>

/** Schemas that clients need a type for: not the form, which is the run again. */
export function typedSchemas(schemas: Schemas): [string, Schema][] {
  return Object.entries(schemas)
    .filter(([name]) => name !== 'RunForm' && !name.startsWith('_'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The name that a reference points to. */
export function refName(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1)
}

/** The alternatives of a schema; one where there is nothing to choose. */
export function alternatives(schema: Schema): readonly Schema[] {
  const list = schema.anyOf ?? schema.oneOf
  if (list) return list
  if (typeof schema.type === 'object') return schema.type.map((type) => ({ ...schema, type }))
  return [schema]
}

export const isNull = ({ type }: Schema): boolean => type === 'null'
