import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { projectDir, readConfig } from '../../src/config.ts'
import { Metrics } from '../../src/metrics.ts'

/** What the documents say and the code says too must not part ways. */

const ROOT = projectDir()
const DOCUMENTS = ['.', 'docs', 'docs/doors', 'examples'].flatMap((folder) =>
  readdirSync(path.join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join(folder, name)),
)
const SETTINGS = 'docs/configuration.md'

test('the documents tell of every setting, and of no other', () => {
  const asked = new Set<string>()
  const env = new Proxy<Record<string, string | undefined>>(
    {},
    { get: (_target, name) => void asked.add(String(name)) },
  )
  readConfig(env)
  expect(settingRows().map(({ name }) => name)).toHaveLength(asked.size)
  expect(new Set(settingRows().map(({ name }) => name))).toEqual(asked)
})

test('a default in the documents is the default', () => {
  const withDefaults = settingRows().filter(({ byDefault }) => byDefault !== '')
  expect(withDefaults.length).toBeGreaterThan(5)
  for (const { name, byDefault } of withDefaults) {
    const value = name === 'EXECUTOR_MANAGER_HOME' ? path.join(ROOT, byDefault) : byDefault
    expect(readConfig({ [name]: value }), name).toEqual(readConfig({}))
  }
})

test('the documents tell of every metric, and of no other', async () => {
  const { registry } = new Metrics({
    executors: () => [],
    queued: () => 0,
    readySessions: () => [],
  })
  const names = registry.getMetricsAsArray().map(({ name }) => name)
  const told = tableRows(section('docs/operations.md', '## Monitoring')).flatMap(([first]) =>
    codeIn(first),
  )
  expect(told.map((name) => `executor_manager_${name}`).sort()).toEqual(names.sort())
})

test('the example of a runtime is what stands in its folder', () => {
  expect(read('docs/add-a-language.md')).toContain(read('runtimes/bash/runtime.json'))
})

test('the README is short, and the changelog names the version', () => {
  expect(read('README.md').split('\n').length).toBeLessThanOrEqual(120)
  const { version } = JSON.parse(read('package.json')) as { version: string }
  expect(read('CHANGELOG.md')).toContain(`\n## ${version}\n`)
})

test.each(DOCUMENTS)('%s: links lead somewhere', (file) => {
  for (const [, target] of withoutCode(read(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target as string)) continue
    const [relative, anchor] = (target as string).split('#') as [string, string?]
    const linked = relative === '' ? file : path.join(path.dirname(file), relative)
    expect(existsSync(path.join(ROOT, linked)), `${target}`).toBe(true)
    if (anchor !== undefined) expect(anchorsOf(read(linked)), `${target}`).toContain(anchor)
  }
})

test.each(DOCUMENTS)('%s: files and commands that it names are there', (file) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const text = read(file)
  const paths = codeIn(text).filter((code) =>
    /^(src|runtimes|scripts|test|bench|docs|examples|deploy)\/[\w./-]*$/.test(code),
  )
  for (const named of paths) expect(existsSync(path.join(ROOT, named)), named).toBe(true)
  for (const [, name] of text.matchAll(/npm run ([a-z0-9:]+)/g)) {
    expect(Object.keys(scripts), `npm run ${name}`).toContain(name)
  }
})

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
}

/** A section of a document, from its heading to the next one of the same level. */
function section(file: string, heading: string): string {
  const text = read(file)
  const start = text.indexOf(`${heading}\n`)
  expect(start, heading).toBeGreaterThanOrEqual(0)
  const end = text.indexOf('\n## ', start + 1)
  return text.slice(start, end < 0 ? undefined : end)
}

function tableRows(text: string): [string, ...string[]][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| |'))
    .map(
      (line) =>
        line
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()) as [string, ...string[]],
    )
}

/** The rows of the table of settings; the default where it is one that can be typed, else ''. */
function settingRows(): { name: string; byDefault: string }[] {
  return tableRows(section(SETTINGS, '## Settings'))
    .filter(([first]) => first.startsWith('`'))
    .map(([first, second]) => ({
      name: first.replaceAll('`', ''),
      byDefault: /^`([^`]+)`$/.exec(second ?? '')?.[1] ?? '',
    }))
}

function codeIn(text: string): string[] {
  const spans = text.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)
  return [...spans].map(([, code]) => code as string)
}

function withoutCode(text: string): string {
  return text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]+`/g, '')
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}
