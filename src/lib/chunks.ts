/** Below this size buffers are joined: as objects they would weigh more than what they hold. */
const SMALL_BYTES = 1024

/** Adds bytes to a list of chunks, which a flood of single bytes does not make long. */
export function appendChunk(chunks: Buffer[], chunk: Buffer): void {
  const last = chunks.at(-1)
  if (last && last.length + chunk.length <= SMALL_BYTES) {
    chunks[chunks.length - 1] = Buffer.concat([last, chunk])
  } else chunks.push(chunk)
}
