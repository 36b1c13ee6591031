import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'

sample(3)

/** Small programs such as users send, each with what its user wants to get. */

const client = useManager({
  poolSize: 2,
  codePolicy: 'balanced',
  limits: { wallTimeMs: 30_000, memoryBytes: 256 * 1024 ** 2 },
})

interface Program {
  readonly what: string
  readonly code: string
  readonly language?: string
  /** What must stand in the answer; a status of success unless it says another. */
  readonly want?: object
  /** Files that come, all of them. */
  readonly files?: readonly string[]
  /** What stderr must have. */
  readonly says?: readonly (string | RegExp)[]
}

const OURS = /runner\.|\.executor|figures\.py|failures\.py|hidden_modules/

function each(programs: readonly Program[]): void {
  test.for(programs)('$what', async ({ code, language = 'python', want, files, says }) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'success', ...want })
    expect(answer.stderr).not.toMatch(OURS)
    if (files) expect(answer.artifacts.map(({ name }) => name).sort()).toEqual(files)
    for (const text of says ?? []) expect(answer.stderr).toMatch(text)
  })
}

const value = (result: unknown) => ({ result: { value: result } })
const error = { status: 'program_error', exit_code: 1 }
const PLOT = 'import matplotlib.pyplot as plt\n'

describe('what is shown', () => {
  each([
    {
      what: 'a figure by plt.show()',
      code: `${PLOT}def main():\n    plt.bar(["x", "y"], [1, 2])\n    plt.show()`,
      files: ['figure-1.png'],
    },
    {
      what: 'one after the other',
      code: `${PLOT}def main():\n    for n in 1, 2, 3:\n        plt.plot([n, 1])\n        plt.show()\n    return plt.get_fignums()`,
      want: value([]),
      files: ['figure-1.png', 'figure-2.png', 'figure-3.png'],
    },
    {
      what: 'two at once',
      code: `${PLOT}def main():\n    plt.figure()\n    plt.plot([1])\n    plt.figure()\n    plt.plot([2])\n    plt.show()`,
      files: ['figure-1.png', 'figure-2.png'],
    },
    {
      what: 'a figure that is left open',
      code: `${PLOT}def main():\n    fig, ax = plt.subplots()\n    ax.plot([1, 2])`,
      files: ['figure-1.png'],
    },
    {
      what: 'none that was written to a file, and none that is empty',
      code: `${PLOT}def main():\n    plt.plot([1])\n    plt.savefig("mine.png")\n    plt.figure()`,
      files: ['mine.png'],
    },
    {
      what: 'none that was closed unseen',
      code: `${PLOT}def main():\n    plt.plot([1])\n    plt.close()`,
      files: [],
    },
    {
      what: 'one that was shown without waiting, and closed',
      code: `${PLOT}def main():\n    plt.plot([1])\n    plt.show(block=False)\n    plt.close("all")`,
      files: ['figure-1.png'],
    },
    {
      what: 'by fig.show(), and saved once',
      code: `${PLOT}def main():\n    fig, ax = plt.subplots()\n    ax.plot([1])\n    fig.show()\n    plt.show()`,
      files: ['figure-1.png'],
    },
    {
      what: 'and saved afterwards under a name',
      code: `${PLOT}def main():\n    plt.plot([1])\n    plt.show()\n    plt.savefig("late.png")`,
      files: ['figure-1.png', 'late.png'],
    },
    {
      what: 'with a backend that needs a display',
      code: `import matplotlib\nmatplotlib.use("TkAgg")\n${PLOT}def main():\n    plt.switch_backend("Qt5Agg")\n    plt.plot([1])\n    plt.show()\n    return plt.get_backend().lower()`,
      want: value('agg'),
      files: ['figure-1.png'],
    },
    {
      what: 'from another folder, beside a file of the same name',
      code: `${PLOT}import os\ndef main():\n    open("figure-1.png", "w").write("mine")\n    os.mkdir("f")\n    os.chdir("f")\n    plt.plot([1])\n    plt.show()`,
      files: ['figure-1.png', 'figure-2.png'],
    },
    {
      what: 'by a table of pandas',
      code: `import pandas as pd\n${PLOT}def main():\n    pd.DataFrame({"a": [1, 2]}).plot(title="t")\n    plt.show()`,
      files: ['figure-1.png'],
    },
    {
      what: 'an image of PIL',
      code: 'from PIL import Image\ndef main():\n    Image.new("CMYK", (8, 8)).show()\n    Image.new("L", (8, 8)).show(title="t")',
      files: ['figure-1.png', 'figure-2.png'],
    },
    {
      what: 'what cannot be drawn is an error of the program, in its own line',
      code: `${PLOT}def main():\n    plt.title("$\\\\frac{1$")\n    plt.show()`,
      want: error,
      files: [],
      says: ['line 4, in main\n    plt.show()', 'ValueError'],
    },
    {
      what: 'a program that fails keeps its error',
      code: `${PLOT}def main():\n    plt.plot([1])\n    raise KeyError("k")`,
      want: error,
      says: [/KeyError: 'k'\n$/],
    },
  ])
})

describe('processors and processes', () => {
  each([
    {
      what: 'Python counts those that the run may use',
      code: 'import os, multiprocessing\ndef main(): return [os.cpu_count(), len(os.sched_getaffinity(0)), multiprocessing.cpu_count()]',
      want: value([1, 1, 1]),
    },
    {
      what: 'Node.js too',
      language: 'nodejs',
      code: 'const { cpus, availableParallelism } = require("os")\nfunction main() { return [cpus().length, availableParallelism(), navigator.hardwareConcurrency] }',
      want: value([1, 1, 1]),
    },
    {
      what: 'an ES module too',
      language: 'nodejs',
      code: 'import { cpus } from "node:os"\nexport function main() { return cpus().length }',
      want: value(1),
    },
    { what: 'bash too', language: 'bash', code: 'nproc', want: { stdout: '1\n' } },
    {
      what: 'a pool of its usual size',
      code: 'from multiprocessing import Pool\ndef main():\n    with Pool() as pool: return pool.map(abs, [-1, 2])',
      want: value([1, 2]),
    },
  ])

  test.each([
    ['a pool', 'with ProcessPoolExecutor(4) as pool: return list(pool.map(abs, range(8)))'],
    ['os.fork', 'return [os.waitpid(pid, 0)[1] for pid in [child() for _ in range(4)]]'],
  ])('%s: children are not charged for what they share', async (_how, body) => {
    const answer = await client.run(
      'python',
      `import os, time, pandas
from concurrent.futures import ProcessPoolExecutor
def child():
    pid = os.fork()
    if pid == 0:
        time.sleep(0.5)
        os._exit(len(pandas.DataFrame({"a": [1]})) - 1)
    return pid
def main():
    ${body}`,
    )
    expect(answer.status).toBe('success')
    // Each copy of what is preloaded would be 50 MB.
    expect(answer.memory_used_kb).toBeLessThan(80_000)
  })
})

describe('errors and warnings', () => {
  each([
    {
      what: 'a warning that is meant for the caller of main',
      code: 'import warnings\ndef main():\n    warnings.warn("old", stacklevel=2)\n    return 1',
      says: ['/workspace/main.py:3: UserWarning: old\n'],
    },
    {
      what: 'a coroutine that nobody awaited',
      code: 'import asyncio\nasync def work(): pass\nasync def main():\n    asyncio.get_event_loop().run_until_complete(work())',
      want: error,
      says: ['line 4, in main', 'This event loop is already running'],
    },
    {
      what: 'a stack that is printed begins with the program',
      code: 'import traceback, inspect\ndef deep():\n    traceback.print_stack()\n    return len(inspect.stack())\ndef main(): return deep()',
      want: value(2),
      says: [/^ {2}File "\/workspace\/main.py", line 5, in main\n/],
    },
    {
      what: 'an exception group',
      code: 'def main():\n    raise ExceptionGroup("both", [ValueError("a"), OSError(101, "Network is unreachable")])',
      want: { ...error, detail: 'This sandbox has no network.' },
      says: ['ValueError: a', 'both (2 sub-exceptions)'],
    },
    {
      what: 'an error with a note, in its cause',
      code: 'def main():\n    try:\n        1 / 0\n    except ZeroDivisionError as e:\n        e.add_note("row 7")\n        raise RuntimeError("no") from e',
      want: error,
      says: ['row 7', 'line 3, in main', 'line 6, in main', /RuntimeError: no\n$/],
    },
    {
      what: 'a syntax error with its caret',
      code: 'def main():\n    return (1 +\n',
      want: error,
      says: [/\/workspace\/main.py", line 2\n {4}return \(1 \+\n {11}\^\nSyntaxError/],
    },
    {
      what: 'a promise that is rejected and that nobody awaits',
      language: 'nodejs',
      code: 'async function main() {\n  Promise.reject(new RangeError("late"))\n  await new Promise((go) => setTimeout(go, 100))\n}',
      want: error,
      says: [/^RangeError: late\n {4}at main \(\/workspace\/main.js:2:18\)\n$/],
    },
    {
      what: 'a promise that is rejected with no error',
      language: 'nodejs',
      code: 'async function main() {\n  Promise.reject("why")\n  await new Promise((go) => setTimeout(go, 100))\n}',
      want: error,
      says: [/^Uncaught 'why'\n$/],
    },
    {
      what: 'an error in a timer, without the lines of Node.js',
      language: 'nodejs',
      code: 'function main() {\n  setTimeout(() => { null.x }, 1)\n  return new Promise((go) => setTimeout(go, 100))\n}',
      want: error,
      says: [
        /^TypeError: Cannot read .*\n {4}at Timeout\._onTimeout \(\/workspace\/main.js:2:27\)\n$/,
      ],
    },
    {
      what: 'no network, where nobody awaits the call',
      language: 'nodejs',
      code: 'async function main() {\n  fetch("https://example.com")\n  await new Promise((go) => setTimeout(go, 5000))\n}',
      want: { ...error, detail: 'This sandbox has no network.' },
      says: [/^TypeError: fetch failed \{/],
    },
    {
      what: 'a program that handles its own rejections',
      language: 'nodejs',
      code: 'process.on("uncaughtException", (error) => console.log("caught", error.message))\nasync function main() {\n  Promise.reject(new Error("x"))\n  await new Promise((go) => setTimeout(go, 50))\n  return 1\n}',
      want: { stdout: 'caught x\n', ...value(1) },
    },
    {
      what: 'an error with fields of its own',
      language: 'nodejs',
      code: 'function main() {\n  throw Object.assign(new Error("bad row"), { row: 7, code: "E_ROW" })\n}',
      want: error,
      says: [
        /^Error: bad row\n {4}at main .*main.js:2:23\) \{\n {2}row: 7,\n {2}code: 'E_ROW'\n\}\n$/,
      ],
    },
  ])
})

describe('the code policy', () => {
  each([
    {
      what: 'lets pass what is harmless',
      code: `import importlib.util, os, pathlib, pickle, shutil, sys, threading
class A: x = 1
def main(name="x"):
    sys.set_int_max_str_digits(0)
    os.makedirs("d/e"); os.rmdir("d/e"); os.rename("d", "f"); shutil.rmtree("f")
    with open(name, "w") as file: file.write(os.uname().sysname)
    thread = threading.Thread(target=print); thread.start(); thread.join()
    pathlib.Path(name).unlink()
    return [getattr(A(), name), A.__name__, importlib.util.find_spec("nope"), pickle.loads(pickle.dumps(5))]`,
      want: value([1, 'A', null, 5]),
      files: [],
    },
    ...(
      [
        ['import subprocess', /^Line 2: Import: subprocess\. It starts .* Use .*\.$/],
        ['import os; os.system("ls")', /^Line 2: Use of: os\.system\. It starts .* Use .*\.$/],
        ['x = eval("1")', /^Line 2: Use of: eval\. It runs text as code\. Use .*\.$/],
        ['x = input("?")', /^Line 2: Use of: input\. .* no standard input\. Take .*\.$/],
        [
          'x = ().__class__.__subclasses__',
          /^Line 2: Attribute Access: __subclasses__\. .* Use .*\.$/,
        ],
      ] as const
    ).map(([line, says]) => ({
      what: `tells what, why and what passes: ${line}`,
      code: `def main(): pass\n${line}`,
      want: { status: 'program_runner_error', exit_code: -999, detail: 'Code is unsafe' },
      says: [says],
    })),
  ])
})
