import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Bench } from './context.ts'
import type { Service } from './service.ts'
import { SessionCalls } from './session-calls.ts'
import { type Summary, summarize } from './statistics.ts'
import { percentileCells, type Report } from './table.ts'

/** Sandboxes of E2B's client for JavaScript, one request at a time. */
export interface E2bFigures {
  /** Where a sandbox was ready. */
  readonly createMs: Summary
  readonly firstRunMs: Summary
  readonly runMs: Summary
  readonly killMs: Summary
}

const CLIENT = '@e2b/code-interpreter@2.8.0'
/** Takes a line for each word of it, and answers with the milliseconds. */
const PROGRAM = `
import { createInterface } from 'node:readline'
import { Sandbox } from '@e2b/code-interpreter'
let sandbox
const work = {
  create: async () => { sandbox = await Sandbox.create('python') },
  run: async () => {
    const { text } = await sandbox.runCode('1+1')
    if (text !== '2') throw new Error('1+1 is ' + text)
  },
  kill: () => sandbox.kill(),
}
for await (const word of createInterface({ input: process.stdin })) {
  const began = performance.now()
  await work[word]()
  console.log(performance.now() - began)
}
`

/**
 * Makes, uses and ends sandboxes by E2B's client, in a process of its own.
 * @returns null where npm does not have the client
 */
export async function measureE2b(bench: Bench, service: Service): Promise<E2bFigures | null> {
  bench.say('E2B')
  const { options } = bench
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-e2b-'))
  const calls = new SessionCalls(bench, service)
  const times = {
    create: [] as number[],
    first: [] as number[],
    run: [] as number[],
    kill: [] as number[],
  }
  try {
    if (!(await install(folder))) {
      bench.say(`E2B: left out, ${CLIENT} cannot be installed`)
      return null
    }
    const client = begin(folder, service.port)
    // It loads its client, opens a connection, and has the service keep a sandbox ready.
    for (const word of ['create', 'run', 'kill']) await client.ask(word)
    for (let count = 0; count < options.sessions; count++) {
      await calls.untilReady()
      times.create.push(await client.ask('create'))
      times.first.push(await client.ask('run'))
      const runs = Math.ceil(options.samples / options.sessions)
      for (let run = 0; run < runs; run++) times.run.push(await client.ask('run'))
      times.kill.push(await client.ask('kill'))
    }
    await client.end()
  } finally {
    calls.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    createMs: summarize(times.create),
    firstRunMs: summarize(times.first),
    runMs: summarize(times.run),
    killMs: summarize(times.kill),
  }
}

async function install(folder: string): Promise<boolean> {
  writeFileSync(path.join(folder, 'package.json'), '{"private": true}')
  writeFileSync(path.join(folder, 'main.mjs'), PROGRAM)
  const words = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', CLIENT]
  const npm = spawn('npm', words, { cwd: folder, stdio: 'ignore' })
  const [code] = await once(npm, 'exit')
  return code === 0
}

function begin(folder: string, port: number) {
  const url = `http://127.0.0.1:${port}`
  const E2B_API_KEY = `e2b_${'0'.repeat(40)}`
  const env = { ...process.env, E2B_API_URL: url, E2B_SANDBOX_URL: url, E2B_API_KEY }
  const stdio = ['pipe', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, ['main.mjs'], { cwd: folder, env, stdio: [...stdio] })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    /** @returns milliseconds */
    ask: async (word: string): Promise<number> => {
      child.stdin.write(`${word}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`E2B's client has ended instead of: ${word}`)
      return Number(value)
    },
    end: async () => {
      child.stdin.end()
      await exited
    },
  }
}

export function e2bReport(figures: E2bFigures): Report {
  return {
    title: `E2B's client ${CLIENT}, one request at a time (ms)`,
    columns: ['what', 'p50', 'p90', 'p99'],
    rows: [
      ['create, where a sandbox is ready', ...percentileCells(figures.createMs)],
      ['first runCode("1+1") in it', ...percentileCells(figures.firstRunMs)],
      ['runCode("1+1")', ...percentileCells(figures.runMs)],
      ['kill', ...percentileCells(figures.killMs)],
    ],
  }
}
