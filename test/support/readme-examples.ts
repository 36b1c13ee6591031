import { readFileSync } from 'node:fs'
import path from 'node:path'
import { projectDir } from '../../src/config.ts'

export interface Example {
  readonly name: string
  readonly code: string
  /** What the document says that it prints. */
  readonly output: string
}

/**
 * The examples of a document: blocks of code of one language, each with a block of text that says what it
 * prints. They are named after their headings.
 */
export function examplesOf(document: string, language: string): Example[] {
  const text = readFileSync(path.join(projectDir(), document), 'utf8')
  const block = new RegExp(
    `(?<=^|\\n)(?:## (.+)\\n)|\`\`\`${language}\\n([\\s\\S]*?)\`\`\`\\s*\`\`\`text\\n([\\s\\S]*?)\`\`\``,
    'g',
  )
  let name = ''
  const examples: Example[] = []
  for (const [, heading, code, output] of text.matchAll(block)) {
    if (heading !== undefined) name = heading
    else examples.push({ name, code: code as string, output: output as string })
  }
  const all = text.split(`\`\`\`${language}\n`).length - 1
  if (examples.length !== all) throw new Error(`${document}: an example without its output`)
  return examples
}
