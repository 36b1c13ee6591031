import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'

/** Verbs that tell nothing, and words that begin a sentence without a verb. */
const NO_FIRST_WORD =
  /^(Whether|As|By|For|If|In|Of|On|So|That|To|What|When|Where|Which|Who|Whoever|With)\b/
const src = path.join(projectDir(), 'src')
const files = (readdirSync(src, { recursive: true }) as string[]).filter((f) => f.endsWith('.ts'))

/** Returns the exported functions and classes of a file, each with the first sentence of its docstring. */
function exportsOf(file: string): { name: string; isFunction: boolean; first: string }[] {
  const text = readFileSync(path.join(src, file), 'utf8')
  const found = []
  for (const node of ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true).statements) {
    const isFunction = ts.isFunctionDeclaration(node)
    if (!isFunction && !ts.isClassDeclaration(node)) continue
    if (!node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue
    const doc = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc)
    const said = (ts.getTextOfJSDocComment(doc?.comment) ?? '').replaceAll(/\s+/g, ' ')
    found.push({
      name: `${file}: ${node.name?.text}`,
      isFunction,
      first: said.split('. ')[0] ?? '',
    })
  }
  return found
}

test('each exported function and class has a docstring', () => {
  const silent = files.flatMap(exportsOf).filter(({ first }) => first === '')
  expect(silent.map(({ name }) => name)).toEqual([])
})

test('the docstring of a function says in its first sentence what it does', () => {
  const odd = files.flatMap(exportsOf).filter(({ isFunction, first }) => {
    return (
      isFunction && first !== '' && (NO_FIRST_WORD.test(first) || !/^\W*[A-Z][a-z]*s\b/.test(first))
    )
  })
  expect(odd.map(({ name, first }) => `${name}: ${first}`)).toEqual([])
})
