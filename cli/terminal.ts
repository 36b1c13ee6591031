import type { Writable } from 'node:stream'

/** Colours are harmless; other escapes move the cursor, set titles, or write to the clipboard. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const DANGEROUS = /\x1b(?!\[[\d;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]/g

/** A program's text as a terminal may show it: the program is not trusted, and a terminal takes orders. */
export function forTerminal(text: string): string {
  return text.replace(DANGEROUS, '\ufffd')
}

/** Writes what comes from a program; resolves when there is room for more. */
export async function writeFrom(stream: Writable & { isTTY?: boolean }, text: string) {
  const shown = stream.isTTY ? forTerminal(text) : text
  if (stream.write(shown) || stream.destroyed) return
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
  })
}

/** `12.3 kB` */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB']
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3))
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`
}
