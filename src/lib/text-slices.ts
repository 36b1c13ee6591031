/** A multiple of 3, so that pieces of base64 fit together. */
export const SLICE_BYTES = 192 * 1024

/** Returns a long text in pieces. A pair of surrogates is one character of UTF-8 and stays together. */
export function* textSlices(text: string): Generator<string, void, undefined> {
  let at = 0
  while (at < text.length) {
    let end = Math.min(text.length, at + SLICE_BYTES)
    const last = text.charCodeAt(end - 1)
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end--
    yield text.slice(at, end)
    at = end
  }
}
