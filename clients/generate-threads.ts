/** Other names of what threads use in place of asyncio. */
const NAMES: readonly (readonly [asyncio: string, threads: string])[] = [
  ['import asyncio', 'import time'],
  ['asyncio.sleep', 'time.sleep'],
  ['asyncio', 'threads'],
  ['__aenter__', '__enter__'],
  ['__aexit__', '__exit__'],
  ['aclose', 'close'],
  ['aread', 'read'],
  ['aiter_bytes', 'iter_bytes'],
]

/**
 * Makes the client for threads of the client for asyncio: the same without waiting.
 * @param source a module of the client for asyncio, in Python
 * @param name of that module, for the head
 */
export function threadsModule(source: string, name: string): string {
  const [, head = '', body = ''] = /^("""[\s\S]*?""")\n([\s\S]*)$/.exec(source) ?? []
  if (head === '') throw new Error(`${name} begins with no docstring`)
  const plain = body
    .replace(/ Canceling a task cancels its run\./, '')
    .replace(/\basync (def|for|with)\b/g, '$1')
    .replace(/\bawait /g, '')
    .replace(/\bAsync([A-Z])/g, '$1')
    .replaceAll('_async_', '_')
  const text = NAMES.reduce((told, [old, other]) => told.replaceAll(old, other), plain)
  return `"""Generated from \`\`${name}\`\` by \`npm run generate\`: do not edit."""\n${text}`
}
