/** E2B's code interpreter in JavaScript: prints a line of JSON for each step. */
import { NotFoundError, Sandbox } from '@e2b/code-interpreter'

const tell = (...values) => console.log(JSON.stringify(values))
const sandbox = await Sandbox.create({ envs: { WORD: 'of the sandbox' } })
try {
  const seen = []
  const onStdout = ({ line }) => seen.push(line)
  const execution = await sandbox.runCode("print('out')\n6 * 7", { onStdout })
  tell(execution.text, seen, execution.executionCount, execution.error ?? null)
  const { error } = await sandbox.runCode('1 / 0')
  tell(error.name, error.value, error.traceback.includes('<cell 2>'))
  const plot = await sandbox.runCode(
    "import matplotlib.pyplot as plt\nplt.plot([1.0, 4.0], label='a')\nplt.show()\n'end'",
  )
  tell(
    plot.results.map((result) => result.formats()),
    plot.results[0].chart.elements[0].points,
  )
  tell(
    (await sandbox.runCode("'é😀' * 3")).text,
    (await sandbox.runCode('!echo $WORD')).logs.stdout,
  )
  const envs = { WORD: 'of the run' }
  tell((await sandbox.runCode('process.env.WORD', { envs, language: 'js' })).text)
  const context = await sandbox.createCodeContext({ cwd: '/tmp', language: 'javascript' })
  await sandbox.runCode('let x = 6', { context })
  tell((await sandbox.runCode('[x, process.cwd()]', { context })).text)
  await sandbox.restartCodeContext(context)
  tell((await sandbox.runCode('x', { context })).error.name)
  await sandbox.removeCodeContext(context)
  const gone = await sandbox.runCode('1', { context }).catch((reason) => reason)
  tell(
    gone instanceof NotFoundError,
    (await sandbox.listCodeContexts()).map(({ id }) => id),
  )
  const slow = sandbox.runCode('import time; time.sleep(600)', { timeoutMs: 1000 })
  const late = await slow.catch((reason) => reason.name)
  tell(late, (await sandbox.runCode('6 * 7')).text)
} finally {
  tell(await sandbox.kill())
}
// A timer of a refused run would keep the process for a minute.
process.exit(0)
