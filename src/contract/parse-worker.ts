import { parentPort, workerData } from 'node:worker_threads'
import type { ParseAnswer, ParseTask } from './parsing-thread.ts'
import { parseRunRequest } from './run-request.ts'

/** The thread that reads large bodies: one after the other, each in blocks that it gets for itself. */

const languages = workerData as ReadonlyMap<string, string>

parentPort?.on('message', ({ blocks, bytes }: ParseTask) => {
  const body = joined(blocks, bytes)
  const parsed = parseRunRequest(body, languages)
  const answer: ParseAnswer =
    'issues' in parsed
      ? parsed
      : { runtime: parsed.request.runtime, ...views(body, parsed.request) }
  const kept = 'issues' in answer ? [] : new Set([answer.code.buffer, answer.argumentsJson.buffer])
  parentPort?.postMessage(answer, [...kept] as ArrayBuffer[])
  if ('issues' in answer) free(body)
})

/** Frees each block as soon as it is copied, so that a body is never there twice. */
function joined(blocks: readonly Uint8Array[], bytes: number): Buffer {
  const body = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const block of blocks) {
    body.set(block, at)
    at += block.length
    free(block)
  }
  return body
}

/** Memory of its own for arguments that are a small part of the body, so that the rest can go. */
function views(body: Buffer, request: { code: Buffer; argumentsJson: Buffer }) {
  const { code, argumentsJson } = request
  if (argumentsJson.buffer === body.buffer && argumentsJson.length > body.length / 2) {
    return { code, argumentsJson }
  }
  const own = Buffer.allocUnsafeSlow(argumentsJson.length)
  argumentsJson.copy(own)
  free(body)
  return { code, argumentsJson: own }
}

/** At once, and not when the collector comes to it. */
function free({ buffer }: Uint8Array): void {
  ;(buffer as ArrayBuffer).transfer(0)
}
