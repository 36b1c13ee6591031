import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { runCommand } from '../support/command-line.ts'
import { cachedPython } from '../support/python.ts'
import { atEnd, KEY, url } from './service.ts'

/** Clients of Jupyter that PyPI has, unmodified. Their programs are in the folder `jupyter`. */

const JUPYTER = [
  ...['jupyterlab==4.6.6', 'jupyter_server==2.21.1', 'jupyter_client==8.10.0'],
  ...['nbconvert==7.17.2', 'jupyter_kernel_test==0.7.0'],
]
const AGENTS = [
  ...['autogen-core==0.7.5', 'autogen-ext[docker-jupyter-executor]==0.7.5', 'smolagents==1.26.0'],
  ...['websocket-client', 'httpx'],
]
const INSTALL_MS = scaledMs(900_000)

describe('jupyter', () => {
  let python: string | null = null
  let agents: string | null = null
  beforeAll(async () => {
    python = await cachedPython(JUPYTER)
    agents = await cachedPython(AGENTS)
  }, 2 * INSTALL_MS)
  const program = (name: string) => path.join(projectDir(), 'test/doors/jupyter', name)
  const run = async (interpreter: string | null, words: readonly string[], cwd = projectDir()) => {
    const env = {
      // Its client for notebooks sends no key to the channels.
      JUPYTER_GATEWAY_URL: `${url.service}/k/${KEY}`,
      PYTHONPATH: path.join(projectDir(), 'clients/python/src'),
      PYTHONDONTWRITEBYTECODE: '1',
    }
    const { stdout, stderr, code } = await runCommand(interpreter as string, words, { env, cwd })
    return { lines: stdout.trim().split('\n'), stderr, code }
  }

  const emptyFolder = () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'jupyter-'))
    atEnd(async () => rmSync(folder, { recursive: true, force: true }))
    return folder
  }

  describe('jupyter_kernel_test 0.7.0, jupyter_server 2.21.1', () => {
    test.each(['Python', 'JavaScript', 'Bash'])('the cases of a kernel of %s', async (name) => {
      const { stderr, code } = await run(python, [program('kernel_cases.py'), name])
      expect(`${code} ${stderr}`).toMatch(/^0 [\s\S]*\nOK/)
    })
  })

  describe('nbconvert 7.17.2', () => {
    test('a notebook is executed', async () => {
      const folder = emptyFolder()
      await run(python, [program('write_notebook.py'), 'a.ipynb'], folder)
      const manager = 'jupyter_server.gateway.managers.GatewayKernelManager'
      const words = ['-m', 'nbconvert', '--to', 'notebook', '--execute', '--output', 'b', 'a.ipynb']
      const option = `--ExecutePreprocessor.kernel_manager_class=${manager}`
      const { code, stderr } = await run(python, [...words, option], folder)
      expect(`${code} ${stderr}`).toMatch(/^0 /)
      const { cells } = JSON.parse(readFileSync(path.join(folder, 'b.ipynb'), 'utf8'))
      expect(cells[1].outputs).toMatchObject([{ name: 'stdout', text: ['42\n'] }])
      expect(JSON.stringify(cells[2].outputs)).toContain('"image/png":"iVBORw0KGgo')
    })
  })

  describe('jupyterlab 4.6.6, --gateway-url', () => {
    test(
      'a notebook has a kernel that keeps its state, is restarted and ended',
      async () => {
        const { lines, stderr } = await run(python, [program('lab.py'), url.service, KEY])
        const [specs = '[]', ...said] = lines
        expect(said, stderr).toEqual(['ok', '42', 'ok', 'error', '0'])
        const names = ['bash', 'javascript', 'python3', 'typescript']
        expect(JSON.parse(specs)).toEqual(expect.arrayContaining(names))
      },
      scaledMs(300_000),
    )
  })

  describe('autogen-ext 0.7.5, DockerJupyterCodeExecutor', () => {
    test('cells share variables, fail with their errors, and show figures', async () => {
      const { port } = new URL(url.service)
      const { lines, stderr } = await run(agents, [program('autogen_cells.py'), port, KEY])
      const done = lines.map((line) => JSON.parse(line))
      expect(done.slice(0, 2), stderr).toEqual([
        [0, '', []],
        [0, '42\n', []],
      ])
      expect(done[2]).toEqual([1, expect.stringContaining('ZeroDivisionError'), []])
      expect(done[3]).toEqual([0, expect.any(String), ['.png']])
    })
  })

  describe('smolagents 1.26.0, JupyterExecutor of our client', () => {
    test('steps share variables, and a long answer is whole', async () => {
      const { lines, stderr } = await run(agents, [
        program('smolagents_steps.py'),
        url.service,
        KEY,
      ])
      expect(lines, stderr).toEqual(['said', '42', 'True 50000'])
    })
  })
})
