import { Worker } from 'node:worker_threads'
import { FairQueue } from '../dispatch/fair-queue.ts'
import { ManagerError } from '../errors.ts'
import { scaledMs } from '../lib/time-scale.ts'
import { type ReadValue, readValue } from './json-value.ts'
import type { JupyterRequest, ReadRequest } from './jupyter/message.ts'
import type { ReadSaved } from './jupyter/saved-content.ts'
import type { Message } from './mcp/message.ts'
import { RpcError } from './mcp/rpc-error.ts'
import type { ParsedRequest, ValidationIssue } from './ragflow/run-request.ts'
import type { BodyKind } from './v1/read-body.ts'
import type { Bulk, Read, RunInput } from './v1/read-run.ts'

/** Of the thread's own heap. Bodies are outside of it: they are never made into text or objects. */
const HEAP_MB = 64
/** 16 MiB take less than 0.5 s; a thread that takes this long is stuck. */
const LONGEST_MS = scaledMs(30_000)

/** A larger body is read in the thread; this much takes less than a millisecond. */
export const LARGE_BODY_BYTES = 64 * 1024

/**
 * What the thread is asked: to validate a request body of RAGFlow's (`request`) or of the native API's, a
 * message of MCP, a request to a kernel of Jupyter's, a file that its client saves, a result, or any JSON of a front door (`value`). Its bytes are moved to it.
 */
export interface ParseTask {
  readonly kind: 'request' | 'result' | 'message' | 'kernel' | 'value' | 'saved' | BodyKind
  /** Of a body of the native API. */
  readonly contentType?: string
  readonly blocks: readonly Uint8Array[]
  readonly bytes: number
}

export type ParseAnswer =
  | { readonly issues: readonly ValidationIssue[] }
  | {
      readonly runtime: string | null
      readonly template: string | null
      readonly code: Uint8Array
      readonly argumentsJson: Uint8Array
    }
  /** What is wrong with a result. */
  | { readonly wrong: string | null }
  | { readonly message: Message }
  /** What is wrong with a message, with its code of JSON-RPC. */
  | { readonly refused: { readonly code: number; readonly message: string } }
  /** A request to a kernel; its code comes out as a plain array. */
  | { readonly kernel: ReadRequest }
  | { readonly json: ReadValue }
  /** A file that a client of Jupyter's saves; its content comes out as a plain array. */
  | { readonly saved: ReadSaved }
  /** A body of the native API. Its bytes come out as plain arrays. */
  | { readonly read: Read<readonly RunInput[]> }

interface Job {
  readonly caller: string
  /** Made when its turn comes. */
  readonly task: () => ParseTask
  readonly signal: AbortSignal
  readonly resolve: (answer: ParseAnswer) => void
  readonly reject: (error: Error) => void
}

/**
 * Validates large bodies and results in a thread of its own, so that none of them holds up whatever else is served: one
 * at a time, callers by turns. The thread is started for the first one. A thread that fails, or does not end in
 * time, fails its body only; the next one gets a new thread.
 */
export class ParsingThread {
  readonly #languages: ReadonlyMap<string, string>
  readonly #queue = new FairQueue<Job>()
  #worker: Worker | null = null
  #job: Job | null = null
  #deadline: NodeJS.Timeout | undefined

  /** @param languages runtime name by accepted language name */
  constructor(languages: ReadonlyMap<string, string>) {
    this.#languages = languages
  }

  /**
   * As parseRunRequest().
   * @param blocks the body in pieces; they are gone for whoever gives them
   * @param signal the caller has gone: it is not begun any more
   * @throws ManagerError REQUEST_NOT_READ, RUN_CANCELLED
   */
  async parse(
    caller: string,
    blocks: readonly Uint8Array[],
    bytes: number,
    signal: AbortSignal,
  ): Promise<ParsedRequest> {
    const task: ParseTask = { kind: 'request', blocks, bytes }
    return requestOf(await this.#ask(caller, () => task, signal))
  }

  /**
   * As readBody() of the native API.
   * @param blocks as for parse()
   * @throws ManagerError REQUEST_NOT_READ, RUN_CANCELLED
   */
  async readBody(
    caller: string,
    body: { blocks: readonly Uint8Array[]; bytes: number; kind: BodyKind; contentType: string },
    signal: AbortSignal,
  ): Promise<Read<readonly RunInput[]>> {
    const answer = await this.#ask(caller, () => body, signal)
    if (!('read' in answer)) throw new Error('the thread answered another question')
    const { read } = answer
    return 'issues' in read ? read : { value: read.value.map(withBuffers) }
  }

  /**
   * As readMessage() of MCP's front door.
   * @param blocks as for parse()
   * @throws RpcError; ManagerError REQUEST_NOT_READ, RUN_CANCELLED
   */
  async readMessage(
    caller: string,
    blocks: readonly Uint8Array[],
    bytes: number,
    signal: AbortSignal,
  ): Promise<Message> {
    const answer = await this.#ask(caller, () => ({ kind: 'message', blocks, bytes }), signal)
    if ('refused' in answer) throw new RpcError(answer.refused.code, answer.refused.message)
    if (!('message' in answer)) throw new Error('the thread answered another question')
    const { run, ...message } = answer.message
    return { ...message, run: run && { value: run.value, bulk: bulkWithBuffers(run.bulk) } }
  }

  /**
   * As readRequest() of Jupyter's front door, on a copy.
   * @throws ManagerError REQUEST_NOT_READ, RUN_CANCELLED
   */
  async readKernelRequest(
    caller: string,
    frame: Buffer,
    signal: AbortSignal,
  ): Promise<ReadRequest> {
    const answer = await this.#ask(caller, () => copiedTask('kernel', frame), signal)
    if (!('kernel' in answer)) throw new Error('the thread answered another question')
    const { kernel } = answer
    if ('wrong' in kernel) return kernel
    const { code, ...request }: JupyterRequest = kernel.request
    return { request: { ...request, code: code && viewOf(code) } }
  }

  /**
   * As readSaved() of Jupyter's front door, on a copy.
   * @throws ManagerError REQUEST_NOT_READ, RUN_CANCELLED
   */
  async readSaved(caller: string, json: Buffer, signal: AbortSignal): Promise<ReadSaved> {
    const answer = await this.#ask(caller, () => copiedTask('saved', json), signal)
    if (!('saved' in answer)) throw new Error('the thread answered another question')
    return answer.saved
  }

  /**
   * As readValue(), on a copy; in place where the text is small.
   * @throws ManagerError REQUEST_NOT_READ, RUN_CANCELLED
   */
  async readValue(caller: string, json: Buffer, signal: AbortSignal): Promise<ReadValue> {
    if (json.length <= LARGE_BODY_BYTES) return readValue(json)
    const answer = await this.#ask(caller, () => copiedTask('value', json), signal)
    if (!('json' in answer)) throw new Error('the thread answered another question')
    return answer.json
  }

  /**
   * As checkResult(), on a copy.
   * @throws ManagerError REQUEST_NOT_READ, RUN_CANCELLED
   */
  async checkResult(caller: string, result: Buffer, signal: AbortSignal): Promise<string | null> {
    const answer = await this.#ask(caller, () => copiedTask('result', result), signal)
    return 'wrong' in answer ? answer.wrong : null
  }

  #ask(caller: string, task: () => ParseTask, signal: AbortSignal): Promise<ParseAnswer> {
    return new Promise((resolve, reject) => {
      this.#queue.add(caller, { caller, task, signal, resolve, reject })
      this.#next()
    })
  }

  /** Ends the thread; what it has not done fails. */
  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #next(): void {
    this.#queue.serve((job) => {
      if (this.#job !== null) return false
      if (job.signal.aborted) {
        job.reject(new ManagerError('RUN_CANCELLED', 'The caller has gone.'))
        return true
      }
      this.#begin(job)
      return true
    })
  }

  #begin(job: Job): void {
    this.#job = job
    this.#worker ??= this.#start()
    this.#deadline = setTimeout(() => void this.#worker?.terminate(), LONGEST_MS)
    const task = job.task()
    const buffers = task.blocks.map(({ buffer }) => buffer as ArrayBuffer)
    this.#worker.postMessage(task, buffers)
  }

  #end(settle: (job: Job) => void): void {
    clearTimeout(this.#deadline)
    const job = this.#job
    this.#job = null
    if (job) settle(job)
    this.#next()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./parse-worker.ts', import.meta.url), {
      workerData: this.#languages,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    worker.unref()
    let error: Error | undefined
    worker.on('message', (answer: ParseAnswer) => {
      this.#end((job) => job.resolve(answer))
    })
    worker.on('error', (cause: Error) => {
      error = cause
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null
      const said = 'A body or result could not be read: the thread that reads them has ended.'
      this.#end((job) => job.reject(new ManagerError('REQUEST_NOT_READ', said, { cause: error })))
    })
    return worker
  }
}

function copiedTask(kind: ParseTask['kind'], bytes: Buffer): ParseTask {
  const block = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(block)
  return { kind, blocks: [block], bytes: block.length }
}

function requestOf(answer: ParseAnswer): ParsedRequest {
  if ('issues' in answer) return answer
  if (!('runtime' in answer)) throw new Error('the thread answered another question')
  const { runtime, template, code, argumentsJson } = answer
  const views = { code: viewOf(code), argumentsJson: viewOf(argumentsJson) }
  return { request: { runtime, template, ...views } }
}

function bulkWithBuffers({ code, argumentsJson, stdin, contents }: Bulk): Bulk {
  return {
    code: viewOf(code),
    argumentsJson: viewOf(argumentsJson),
    stdin: stdin && viewOf(stdin),
    contents: new Map([...contents].map(([index, content]) => [index, viewOf(content)])),
  }
}

function withBuffers({ code, argumentsJson, stdin, files, ...rest }: RunInput): RunInput {
  return {
    ...rest,
    code: viewOf(code),
    argumentsJson: viewOf(argumentsJson),
    stdin: stdin && viewOf(stdin),
    files: files.map(({ path, content }) => ({ path, content: viewOf(content) })),
  }
}

/** A Buffer comes out of another thread as a plain array of bytes. */
function viewOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, length)
}
