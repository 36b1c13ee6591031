import { alternatives, isNull, refName, type Schema, type Schemas, typedSchemas } from './schema.ts'

const HEAD = `"""Generated from the OpenAPI document by \`npm run generate\`: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Literal, Optional, TypedDict, Union

if TYPE_CHECKING:
    from typing_extensions import Required
`

/** What the client takes beside what goes over the wire. */
const WIDER: Readonly<Record<string, string>> = {
  'Run.files': 'Union[Dict[str, Union[str, bytes]], List[InputFile]]',
}
/** Words of Python that a member may have as its name: it has `_` behind it then, which decode() knows. */
const KEYWORDS = [
  'as',
  'class',
  'def',
  'except',
  'from',
  'global',
  'import',
  'in',
  'is',
  'pass',
  'with',
]
/** The client takes the members of a batch one by one. */
const NOT_NEEDED = ['Batch']

/** The schemas as Python: dataclasses for answers, typed dictionaries for what is sent. */
export function pythonTypes(schemas: Schemas): string {
  const sent = namesFrom('Run', schemas).add('BatchInput')
  const classes: string[] = []
  const aliases: string[] = []
  for (const [name, schema] of typedSchemas(schemas)) {
    if (NOT_NEEDED.includes(name)) continue
    const isSent = sent.has(name)
    if (schema.properties) addClass(name, schema, isSent, classes)
    else aliases.push(`\n${name} = ${typeOf(schema, name, isSent, classes)}\n`)
  }
  // Annotations are read late, aliases are read at once: they come last.
  return HEAD + classes.join('') + (aliases.length > 0 ? `\n${aliases.join('')}` : '')
}

/** All schemas that one refers to, and itself. */
function namesFrom(name: string, schemas: Schemas, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  for (const [, ref] of JSON.stringify(schemas[name] ?? {}).matchAll(/"\$ref":"([^"]+)"/g)) {
    namesFrom(refName(ref as string), schemas, found)
  }
  return found
}

function addClass(name: string, schema: Schema, isSent: boolean, classes: string[]): void {
  const { properties = {}, required = [], description } = schema
  // What may be missing has a default, and Python wants those behind the others.
  const members = Object.entries(properties).sort(
    ([a], [b]) => Number(required.includes(b)) - Number(required.includes(a)),
  )
  const lines = members.map(([member, part]) => {
    const own = typeOf(part, name + capitalized(member), isSent, classes)
    const wide = WIDER[`${name}.${member}`] ?? own
    const type = isSent && required.includes(member) ? `Required[${wide}]` : wide
    const said = part.description ? `    """${part.description}"""\n` : ''
    const word = KEYWORDS.includes(member) ? `${member}_` : member
    if (isSent && word !== member) throw new Error(`a typed dictionary cannot have ${member}`)
    if (isSent || required.includes(member)) return `    ${word}: ${type}\n${said}`
    const optional = type.startsWith('Optional[') ? type : `Optional[${type}]`
    return `    ${word}: ${optional} = None\n${said}`
  })
  const head = isSent
    ? `class ${name}(TypedDict, total=False):\n`
    : `@dataclass(frozen=True)\nclass ${name}:\n`
  const doc = description ? `    """${description}"""\n\n` : ''
  classes.push(`\n\n${head}${doc}${lines.join('')}`)
}

function typeOf(schema: Schema, at: string, isSent: boolean, classes: string[]): string {
  const of = (part: Schema, name = at) => typeOf(part, name, isSent, classes)
  if (schema.$ref) return refName(schema.$ref)
  const choices = alternatives(schema)
  if (choices.length > 1) {
    const others = choices.filter((choice) => !isNull(choice)).map((choice) => of(choice))
    const type = others.length > 1 ? `Union[${others.join(', ')}]` : (others[0] as string)
    return others.length < choices.length ? `Optional[${type}]` : type
  }
  const values = schema.enum ?? (schema.const === undefined ? null : [schema.const])
  if (values) return `Literal[${values.map((value) => JSON.stringify(value)).join(', ')}]`
  switch (schema.type) {
    case 'string':
      return 'str'
    case 'boolean':
      return 'bool'
    case 'integer':
      return 'int'
    case 'number':
      return 'float'
    case 'array':
      return `List[${schema.items ? of(schema.items, singular(at)) : 'Any'}]`
    case 'object': {
      const more = schema.additionalProperties
      if (!schema.properties) return `Dict[str, ${typeof more === 'object' ? of(more) : 'Any'}]`
      const [member = '', ...rest] = Object.keys(schema.properties)
      const isChoice = rest.length === 0 && classes.every((text) => !text.includes(` ${at}:`))
      const name = isChoice ? at + capitalized(member) : at
      addClass(name, schema, isSent, classes)
      return name
    }
    default:
      return 'Any'
  }
}

/** `peak_memory` as a part of a class's name. */
function capitalized(name: string): string {
  return name
    .split('_')
    .map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`)
    .join('')
}

function singular(name: string): string {
  return name.replace(/ies$/, 'y').replace(/s$/, '')
}
