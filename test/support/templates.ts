import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Writes a template's folder into a data folder; what was there of that name is gone. */
export function writeTemplate(home: string, name: string, files: Record<string, string>): void {
  const folder = path.join(home, 'templates', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text)
}

/** Removes the images of templates, which a private data folder shares with the real one. */
export function removeTemplateImages(home: string, names: readonly string[]): void {
  const images = path.join(home, 'images')
  if (!existsSync(images)) return
  for (const folder of readdirSync(images)) {
    const isOne = names.some((name) => new RegExp(`^${name}-[0-9a-f]{12}$`).test(folder))
    if (isOne) rmSync(path.join(images, folder), { recursive: true, force: true })
  }
}

/** What `/v1/templates` says of one, once it is served. Gives up with the test's own time limit. */
export async function servedTemplate(url: string, name: string, isWanted = (_: Told) => true) {
  for (;;) {
    const { templates } = (await (await fetch(`${url}/v1/templates`)).json()) as {
      templates: Told[]
    }
    const found = templates.find((template) => template.name === name && isWanted(template))
    if (found) return found
    await sleep(200)
  }
}

export interface Told {
  readonly name: string
  readonly languages: readonly string[]
  readonly libraries: readonly { name: string; version: string | null }[]
  readonly preloaded: readonly string[]
}

/** Runs a program by the native API. */
export async function runWith(url: string, body: object) {
  const response = await fetch(`${url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const answer = (await response.json()) as { stdout: string; stderr: string; detail: string }
  return { ...answer, status: response.status }
}
