import type { IncomingMessage } from 'node:http'

/** A key in front of the path, for clients that cannot send headers: `/k/KEY/mcp`. */
const KEY_PATH = /^\/k\/([^/?#]+)(?=\/)/
const keys = new WeakMap<IncomingMessage, string>()

/**
 * Takes the key out of a request's path before anything else sees it, so that it gets into no log and no
 * answer.
 */
export function takePathKey(request: IncomingMessage): void {
  const { url = '' } = request
  const [prefix, key] = KEY_PATH.exec(url) ?? []
  if (prefix === undefined || key === undefined) return
  request.url = url.slice(prefix.length)
  keys.set(request, decoded(key))
}

/** Returns the key that was in the path, or null. */
export function pathKeyOf(request: IncomingMessage): string | null {
  return keys.get(request) ?? null
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
