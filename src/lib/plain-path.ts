/**
 * A relative path that every system can store and that means the same everywhere: parts between `/`,
 * none of them empty or hidden, without `..`, backslashes and control characters. It is one regular
 * expression so that a JSON schema can hold it, without lookahead so that programs can make texts that match:
 * a dot stands behind another character, and never two of them beside each other.
 */
export const PLAIN_PATH =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  /^(?:[^./\\\u0000-\u001f\u007f](?:\.?[^./\\\u0000-\u001f\u007f])*\.?)(?:\/[^./\\\u0000-\u001f\u007f](?:\.?[^./\\\u0000-\u001f\u007f])*\.?)*$/

/** Bytes of a path, the most that the supervisor takes. */
export const MAX_PATH_BYTES = 1024

/** Tells whether files may be put under this path. */
export function isPlainPath(path: string): boolean {
  return PLAIN_PATH.test(path) && Buffer.byteLength(path) <= MAX_PATH_BYTES
}
