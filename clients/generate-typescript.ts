import { alternatives, refName, type Schema, type Schemas, typedSchemas } from './schema.ts'

const HEAD = '/** Generated from the OpenAPI document by `npm run generate`: do not edit. */\n'

/** The schemas as TypeScript: interfaces for objects, types for the rest. */
export function typescriptTypes(schemas: Schemas): string {
  return HEAD + typedSchemas(schemas).map(declaration).join('')
}

function declaration([name, schema]: [string, Schema]): string {
  const head = `\n${comment(schema, '')}export `
  if (schema.properties) return `${head}interface ${name} ${typeOf(schema, '')}\n`
  return `${head}type ${name} = ${typeOf(schema, '')}\n`
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref) return refName(schema.$ref)
  const choices = alternatives(schema)
  if (choices.length > 1) return choices.map((choice) => typeOf(choice, indent)).join(' | ')
  const [only = schema] = choices
  if (only !== schema) return typeOf(only, indent)
  if (schema.allOf) return schema.allOf.map((part) => typeOf(part, indent)).join(' & ')
  if (schema.enum) {
    const values = schema.enum.map(literal)
    if (values.length < 4) return values.join(' | ')
    return values.map((value) => `\n${indent}  | ${value}`).join('')
  }
  if (schema.const !== undefined) return literal(schema.const)
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type
    case 'integer':
    case 'number':
      return 'number'
    case 'array': {
      const item = schema.items ? typeOf(schema.items, indent) : 'unknown'
      return item.includes(' | ') ? `(${item})[]` : `${item}[]`
    }
    case 'object':
      return objectType(schema, indent)
    default:
      return 'unknown'
  }
}

function objectType(schema: Schema, indent: string): string {
  const { properties, additionalProperties: more, required = [] } = schema
  if (!properties) {
    return `Record<string, ${typeof more === 'object' ? typeOf(more, indent) : 'unknown'}>`
  }
  const inner = `${indent}  `
  const members = Object.entries(properties).map(([name, member]) => {
    const type = typeOf(member, inner)
    const isNeeded = required.includes(name)
    const mark = isNeeded ? `${name}: ${type}` : `${name}?: ${type} | undefined`
    return `${comment(member, inner)}${inner}${mark}\n`
  })
  return `{\n${members.join('')}${indent}}`
}

function comment({ description }: Schema, indent: string): string {
  return description ? `${indent}/** ${description.replaceAll('*/', '* /')} */\n` : ''
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
