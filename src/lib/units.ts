/** Human-written sizes and times, turned once into bytes and milliseconds. */

const SIZE_UNITS: Record<string, number> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }
const TIME_UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Parses a size such as `256m`, `1g`, `512k`, `1024b` or plain bytes (Docker's notation).
 * @returns bytes, or null when the text is not a size or not a positive safe integer of bytes
 */
export function parseSizeBytes(text: string): number | null {
  const match = /^(\d+)([bkmg])?$/i.exec(text.trim())
  if (!match) return null
  const bytes = Number(match[1]) * (SIZE_UNITS[(match[2] ?? 'b').toLowerCase()] as number)
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null
}

/**
 * Parses a time such as `10s`, `1m30s`, `500ms` (Go's notation) or plain seconds.
 * @returns milliseconds, or null when the text is not a time or is zero
 */
export function parseDurationMs(text: string): number | null {
  const trimmed = text.trim()
  if (/^\d+(\.\d+)?$/.test(trimmed)) return positive(Number(trimmed) * 1000)
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(trimmed)) return null
  let totalMs = 0
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(amount) * (TIME_UNITS_MS[unit as string] as number)
  }
  return positive(totalMs)
}

function positive(ms: number): number | null {
  const rounded = Math.round(ms)
  return Number.isSafeInteger(rounded) && rounded > 0 ? rounded : null
}

export const MIB = 1024 ** 2
