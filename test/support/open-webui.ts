import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runCommand } from './command-line.ts'
import { makePython, pip } from './python.ts'

/** What Open WebUI makes of an execution. */
export interface ExecutedCode {
  readonly stdout: string
  readonly stderr: string
  readonly result: string
}

/** What its module for executions imports, of the many packages that the rest of Open WebUI needs. */
const NEEDED = [
  ...['aiohttp', 'websockets', 'pydantic', 'typer', 'uvicorn', 'markdown', 'beautifulsoup4'],
  ...['cryptography', 'python-engineio', 'python-dotenv', 'orjson'],
]

/** @returns an interpreter that the package is for; null: there is none */
export function openWebUiPython(): string | null {
  const check = 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
  const fits = (python: string) => spawnSync(python, ['-c', check]).status === 0
  return ['python3', 'python3.11', 'python3.12'].find(fits) ?? null
}

/** Installs the package, without what the rest of it needs. @returns executes code as its Run button does */
export async function openWebUi(
  python: string,
  target: { readonly service: string },
  key: string,
  atEnd: (work: () => Promise<void>) => void,
): Promise<(code: string, prefix?: string) => Promise<ExecutedCode>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'open-webui-'))
  atEnd(async () => rmSync(folder, { recursive: true, force: true }))
  const own = await makePython(folder, NEEDED, python)
  await pip(own, ['install', '--no-deps', '--no-compile', 'open-webui==0.12.4'])
  return async (code, prefix = '') => {
    const script = [
      'import asyncio, json, sys',
      'from open_webui.utils.code_interpreter import execute_code_jupyter',
      'answer = asyncio.run(execute_code_jupyter(*sys.argv[1:4]))',
      'print("\\n" + json.dumps(answer))',
    ].join('\n')
    const env = { WEBUI_SECRET_KEY: 'of-no-use', DATA_DIR: folder }
    const words = ['-c', script, target.service + prefix, code, key]
    const { stdout, stderr, code: status } = await runCommand(own, words, { env })
    if (status !== 0) throw new Error(stderr)
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as ExecutedCode
  }
}
