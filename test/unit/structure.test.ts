import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'

const SOURCE = path.join(projectDir(), 'src')

/** What the files of a folder import of the project, outside of that folder: paths from `src/`. */
function importsOf(folder: string): string[] {
  const files = globSync(`${folder}/**/*.ts`, { cwd: SOURCE })
  expect(files.length).toBeGreaterThan(0)
  const imports = files.flatMap((file) => {
    const text = readFileSync(path.join(SOURCE, file), 'utf8')
    return [...text.matchAll(/from '(\.[^']+)'/g)].map(([, to = '']) =>
      path.join(path.dirname(file), to),
    )
  })
  return [...new Set(imports)].filter((to) => !to.startsWith(`${folder}/`)).sort()
}

const isIn =
  (...folders: string[]) =>
  (file: string) =>
    folders.some((folder) => file.startsWith(`${folder}/`))

describe('arrows between folders', () => {
  test('the core imports nothing but small parts', () => {
    expect(importsOf('run').filter((file) => !isIn('lib')(file))).toEqual([])
  })

  test('the connection with a sandbox knows the core, and no one above it', () => {
    expect(importsOf('supervisor').filter((file) => !isIn('lib', 'run')(file))).toEqual([])
  })

  test('front doors know runs, and not how they are made', () => {
    const below = isIn('engine', 'pool', 'supervisor', 'images', 'setup')
    expect(importsOf('api').filter(below)).toEqual([])
  })

  test('what is kept over restarts knows the core, and neither front doors nor executors', () => {
    const known = (file: string) => isIn('lib', 'run', 'network')(file) || file === 'errors.ts'
    expect(importsOf('jobs').filter((file) => !known(file))).toEqual([])
  })

  test('who dispatches runs does not know what executors are', () => {
    const others = isIn('engine', 'supervisor', 'images', 'setup', 'api')
    expect(importsOf('dispatch').filter(others)).toEqual([])
  })
})

test('whatever the short suite samples runs whole in test/whole/', () => {
  const sampled = globSync('test/{integration,adversarial}/**/*.test.ts', { cwd: projectDir() })
    .filter((file) => /^sample\(/m.test(readFileSync(path.join(projectDir(), file), 'utf8')))
    .sort()
  const whole = globSync('test/whole/*.test.ts', { cwd: projectDir() }).flatMap((file) => {
    const text = readFileSync(path.join(projectDir(), file), 'utf8')
    return [...text.matchAll(/^import '([^']+)'$/gm)].map(([, to = '']) =>
      path.join(path.dirname(file), to),
    )
  })
  expect(whole.sort()).toEqual(sampled)
})
