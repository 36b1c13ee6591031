/** What E2B's clients call a language, where that is another name than ours. */
const NAMES: Readonly<Record<string, string>> = { js: 'javascript', ts: 'typescript' }

/**
 * Returns a language as E2B tells it.
 * @param said nothing: Python
 */
export function languageOf(said: string | null | undefined): string {
  const name = (said ?? '').trim().toLowerCase()
  return NAMES[name] ?? (name || 'python')
}
