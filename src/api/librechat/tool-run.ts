import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { jsonStringBytes } from '../../lib/json-string.ts'
import { isJson } from '../../lib/json-text.ts'
import type { InputFile, RunMode } from '../../run/types.ts'
import type { FileIn } from './read-exec.ts'
import type { ToolAnswer } from './read-tool-run.ts'
import type { Tool, ToolLanguage } from './tools.ts'

/**
 * A program that calls tools of its caller, between its runs. Each run is from the beginning: calls that were
 * answered return at once, and the first ones that were not end it.
 */
export interface ToolRun {
  readonly language: ToolLanguage
  /** JSON text. */
  readonly codeJson: Uint8Array
  readonly tools: readonly Tool[]
  readonly files: readonly FileIn[]
  readonly timeoutMs: number | null
  /** The storage session of all its answers. */
  readonly session: string
  /** In the order in which they were told to the caller. */
  readonly calls: readonly ToolCall[]
}

export interface ToolCall {
  /** `call_001`, `call_002` and so on. */
  readonly id: string
  /** Index of its tool. */
  readonly tool: number
  /** JSON text of an object, as the program has written it. */
  readonly input: string
  /** Null: it was not answered. */
  readonly answer: { readonly result: Uint8Array | null; readonly error: string } | null
}

const source = (name: string) => readFileSync(path.join(import.meta.dirname, name))
/** In Python the tools are in a module of their own, because the code policy checks only the program. */
const MODULE = { path: 'librechat_tools.py', content: source('librechat_tools.py') }
const IMPORT = Buffer.from('from librechat_tools import *\n')
const SHELL = source('tool-calls.sh')

/** What is run, and what it reads from stdin. */
export interface Round {
  readonly code: Buffer
  /** A cell of Python may await at its top level. */
  readonly mode: RunMode
  readonly files: readonly InputFile[]
  readonly stdin: Buffer
  /** The line before and behind the calls in stdout. */
  readonly mark: string
}

/**
 * Returns what is executed next of a program that calls tools: the program from its beginning, with the answers so far.
 */
export function roundOf(run: ToolRun): Round {
  const mark = randomBytes(24).toString('hex')
  const stdin = stdinOf(run, mark)
  if (run.language === 'bash') return { code: SHELL, mode: 'script', files: [], stdin, mark }
  const code = Buffer.concat([IMPORT, jsonStringBytes(Buffer.from(run.codeJson))])
  return { code, mode: 'cell', files: [MODULE], stdin, mark }
}

function stdinOf({ language, codeJson, tools, calls }: ToolRun, mark: string): Buffer {
  const named = tools.map(({ identifier, parameters }) => ({ identifier, parameters }))
  const functions = tools.map(({ identifier }, index) => {
    return `${identifier}() { _call_tool ${index} "$1"; }\nexport -f ${identifier}\n`
  })
  const request =
    language === 'bash' ? { mark, functions: functions.join('') } : { mark, tools: named }
  const pieces: Uint8Array[] = [Buffer.from(JSON.stringify(request).slice(0, -1))]
  if (language === 'bash') pieces.push(Buffer.from(',"code":'), codeJson)
  pieces.push(Buffer.from(',"answers":['))
  let isFirst = true
  for (const { tool, input, answer } of calls) {
    if (answer === null) continue
    const call = JSON.stringify({ tool, input }).slice(0, -1)
    const kind = answer.result === null ? 'error' : 'result'
    pieces.push(Buffer.from(`${isFirst ? '' : ','}${call},"${kind}":`))
    pieces.push(answer.result ?? Buffer.from(JSON.stringify(answer.error)), Buffer.from('}'))
    isFirst = false
  }
  pieces.push(Buffer.from(']}'))
  return Buffer.concat(pieces)
}

/** Returns what a run has printed, and the calls that it waits for; null: it waits for none. */
export function readRound(stdout: Buffer, mark: string): { text: Buffer; calls: Called[] | null } {
  const [start, end] = [Buffer.from(`\n${mark}\n`), Buffer.from(`\n${mark}\n`)]
  const to = stdout.lastIndexOf(end)
  const from = to > 0 ? stdout.lastIndexOf(start, to - 1) : -1
  if (from < 0) return { text: stdout, calls: null }
  const lines = stdout.toString('utf8', from + start.length, to).split('\n')
  const text = Buffer.concat([stdout.subarray(0, from), stdout.subarray(to + end.length)])
  return { text, calls: lines.flatMap(calledIn) }
}

export interface Called {
  readonly tool: number
  readonly input: string
}

function calledIn(line: string): Called[] {
  const [, tool, input] = /^(\d+)\t(\{.*\})$/.exec(line) ?? []
  // The program may print anything.
  const isCall = tool !== undefined && input !== undefined && isJson(Buffer.from(input))
  return isCall ? [{ tool: Number(tool), input }] : []
}

/** Returns the calls with those that a run waits for: one that was told before keeps its id. */
export function withCalled(
  calls: readonly ToolCall[],
  called: readonly Called[],
): { calls: readonly ToolCall[]; waiting: readonly ToolCall[] } {
  const all = [...calls]
  const waiting: ToolCall[] = []
  for (const { tool, input } of called) {
    const before = all.find((one) => {
      return (
        one.answer === null && one.tool === tool && one.input === input && !waiting.includes(one)
      )
    })
    if (before) {
      waiting.push(before)
      continue
    }
    const id = `call_${String(all.length + 1).padStart(3, '0')}`
    const call = { id, tool, input, answer: null }
    all.push(call)
    waiting.push(call)
  }
  return { calls: all, waiting }
}

/** Returns the calls with their answers; null: an answer is to no call. The first answer counts. */
export function withAnswers(
  calls: readonly ToolCall[],
  answers: readonly ToolAnswer[],
): readonly ToolCall[] | null {
  const byId = new Map(answers.map((answer) => [answer.id, answer]))
  const known = new Set(calls.map(({ id }) => id))
  if (answers.some(({ id }) => !known.has(id))) return null
  return calls.map((call) => {
    const answer = byId.get(call.id)
    if (call.answer !== null || answer === undefined) return call
    return { ...call, answer: { result: answer.result, error: answer.error } }
  })
}
