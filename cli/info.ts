import type { ExecutorManager, Template } from '../clients/typescript/src/index.ts'
import { Failure } from './failure.ts'

/** Prints how the service is. */
export async function showStatus(client: ExecutorManager, json: boolean): Promise<number> {
  const status = await client.status()
  if (json) return print(JSON.stringify(status))
  const { version, uptime_ms: uptimeMs, queued, executors } = status
  const states = executors
    .filter(({ count }) => count > 0)
    .map(({ pool, state, count }) => `  ${pool}: ${count} ${state}`)
  return print(
    [
      `${status.status}, version ${version}, serves for ${durationText(uptimeMs)}`,
      `${queued} queued`,
      'executors:',
      ...states,
    ].join('\n'),
  )
}

/**
 * Prints the templates, or all of one.
 * @throws Failure when no template has that name
 */
export async function showTemplates(
  client: ExecutorManager,
  name: string | undefined,
  json: boolean,
): Promise<number> {
  const all = await client.templates()
  const chosen = name === undefined ? all : all.filter((template) => template.name === name)
  if (name !== undefined && chosen.length === 0) {
    const names = all.map((template) => template.name).join(', ')
    throw new Failure(`there is no template ${name}; there are ${names}`)
  }
  if (json) return print(JSON.stringify({ templates: chosen }))
  return print(chosen.map((template) => templateText(template, name !== undefined)).join('\n'))
}

function templateText(template: Template, isWhole: boolean): string {
  const { name, version, languages, modes, libraries, network, limits } = template
  const lines = [
    `${name}${version ? ` ${version}` : ''}`,
    `  languages  ${languages.join(', ')}`,
    `  modes      ${modes.join(', ')}`,
    `  network    ${network}`,
    `  limits     ${Object.entries(limits)
      .map(([limit, value]) => `${limit} ${value}`)
      .join(', ')}`,
  ]
  if (isWhole) {
    const rows = libraries.map((library) => `    ${library.name} ${library.version ?? ''}`)
    return [...lines, '  libraries', ...rows].join('\n')
  }
  const names = libraries.map((library) => library.name).join(', ')
  return [...lines, `  libraries  ${names || 'none beside its own'}`].join('\n')
}

function print(text: string): number {
  console.log(text)
  return 0
}

function durationText(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return `${Math.floor(ms / 1000)} s`
  if (minutes < 120) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`
}
