import { parentPort, workerData } from 'node:worker_threads'
import { checkResult } from '../run/check-result.ts'
import { readValue } from './json-value.ts'
import { readRequest } from './jupyter/message.ts'
import { readSaved } from './jupyter/saved-content.ts'
import { readMessage } from './mcp/message.ts'
import { RpcError } from './mcp/rpc-error.ts'
import type { ParseAnswer, ParseTask } from './parsing-thread.ts'
import { parseRunRequest } from './ragflow/run-request.ts'
import { readBody } from './v1/read-body.ts'
import { NO_ARGUMENTS, type Read, type RunInput } from './v1/read-run.ts'

/** The thread that reads large bodies and results: one after the other, each in blocks that it gets for itself. */

const languages = workerData as ReadonlyMap<string, string>

parentPort?.on('message', ({ kind, blocks, bytes, contentType }: ParseTask) => {
  const body = joined(blocks, bytes)
  if (kind === 'result') {
    parentPort?.postMessage({ wrong: checkResult(body) } satisfies ParseAnswer)
    free(body)
    return
  }
  if (kind === 'message') {
    parentPort?.postMessage(messageOf(body))
    free(body)
    return
  }
  if (kind === 'kernel') {
    parentPort?.postMessage({ kernel: readRequest(body) } satisfies ParseAnswer)
    free(body)
    return
  }
  if (kind === 'value') {
    parentPort?.postMessage({ json: readValue(body) } satisfies ParseAnswer)
    free(body)
    return
  }
  if (kind === 'saved') {
    parentPort?.postMessage({ saved: readSaved(body) } satisfies ParseAnswer)
    free(body)
    return
  }
  if (kind !== 'request') {
    const read = readBody(body, kind, contentType ?? '')
    parentPort?.postMessage({ read } satisfies ParseAnswer, buffersOf(read) as ArrayBuffer[])
    return
  }
  const parsed = parseRunRequest(body, languages)
  if ('issues' in parsed) {
    parentPort?.postMessage(parsed satisfies ParseAnswer)
    free(body)
    return
  }
  const { runtime, template } = parsed.request
  const answer = { runtime, template, ...views(body, parsed.request) }
  const kept = new Set([answer.code.buffer, answer.argumentsJson.buffer])
  parentPort?.postMessage(answer satisfies ParseAnswer, [...kept] as ArrayBuffer[])
})

/** An error is sent as its code and message: a thrown one would lose its code between threads. */
function messageOf(body: Buffer): ParseAnswer {
  try {
    return { message: readMessage(body) }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    return { refused: { code: error.code, message: error.message } }
  }
}

/** Frees each block as soon as it is copied, so that memory never holds a body twice. */
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

/** The memory that is transferred with the message, each block once; nothing else uses it. */
function buffersOf(read: Read<readonly RunInput[]>): ArrayBufferLike[] {
  if ('issues' in read) return []
  const buffers = read.value.flatMap(({ code, argumentsJson, stdin, files }) => [
    code,
    argumentsJson,
    ...(stdin ? [stdin] : []),
    ...files.map(({ content }) => content),
  ])
  return [...new Set(buffers.filter((one) => one !== NO_ARGUMENTS).map(({ buffer }) => buffer))]
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

/** Frees memory at once, without waiting for the garbage collector. */
function free({ buffer }: Uint8Array): void {
  ;(buffer as ArrayBuffer).transfer(0)
}
