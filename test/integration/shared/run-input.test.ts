import { describe, expect, test } from 'vitest'
import type { Program, RunOutcome, RunRequest } from '../../../src/run/types.ts'
import { requestWith } from '../../support/run-request.ts'
import { useShared } from '../../support/shared-manager.ts'

/** What a program is run with, and how: mode, files, environment, standard input, arguments. */
const { runs } = useShared()
const { signal } = new AbortController()

type Part = Partial<Omit<RunRequest, 'program'>> & { program?: Partial<Program> }

async function run(template: string, code: string, part: Part = {}): Promise<RunOutcome> {
  const program = { mode: 'script' as const, ...part.program, code: Buffer.from(code) }
  return runs.start(requestWith({ ...part, template, program }), { signal })
}

/** What a program that ends well prints. */
async function printed(template: string, code: string, part: Part = {}): Promise<string> {
  const outcome = await run(template, code, part)
  expect({ ...outcome, stderr: outcome.stderr.toString() }).toMatchObject({
    end: 'exit',
    exitCode: 0,
    stderr: '',
  })
  return outcome.stdout.toString()
}

const file = (path: string, content: string) => ({ path, content: Buffer.from(content) })

interface Language {
  readonly name: string
  readonly stdin: string
  readonly env: string
  readonly argv: string
  readonly readFiles: string
  readonly change: string
  readonly exit: string
}

const LANGUAGES: Language[] = [
  {
    name: 'python',
    stdin: 'import sys\nprint(repr(sys.stdin.read()), end="")',
    env: 'import os, subprocess\nprint(os.environ["A"], os.environ["HOME"])\nprint(subprocess.check_output(["printenv", "A"], text=True), end="")',
    argv: 'import sys, json\nprint(json.dumps(sys.argv[1:], ensure_ascii=False), sys.argv[0])',
    readFiles: 'print(open("a.csv").read(), open("data/ü/b").read())',
    change:
      'import os\nopen("a.csv", "a").write("2")\nopen("data/new", "w").write("n")\nos.rename("c", "d")',
    exit: 'import sys\nprint("x")\nsys.exit(7)',
  },
  {
    name: 'nodejs',
    stdin:
      'process.stdout.write(JSON.stringify(require("fs").readFileSync(0, "utf8")).replaceAll(\'"\', "\'"))',
    env: 'console.log(process.env.A, process.env.HOME)\nprocess.stdout.write(require("child_process").execFileSync("printenv", ["A"]))',
    argv: 'console.log(JSON.stringify(process.argv.slice(2)).replaceAll(",", ", "), process.argv[1])',
    readFiles:
      'const fs = require("fs"); console.log(fs.readFileSync("a.csv", "utf8"), fs.readFileSync("data/ü/b", "utf8"))',
    change:
      'const fs = require("fs"); fs.appendFileSync("a.csv", "2"); fs.writeFileSync("data/new", "n"); fs.renameSync("c", "d")',
    exit: 'console.log("x"); process.exit(7)',
  },
  {
    name: 'bash',
    stdin: 'IFS= read -r -d "" text; printf "\'%s\'" "${text//$\'\\n\'/\\\\n}"',
    env: 'echo "$A" "$HOME"; printenv A',
    argv: 'printf \'["%s"\' "$1"; shift; printf \', "%s"\' "$@"; echo "] /workspace/${0#./}"',
    readFiles: 'echo "$(cat a.csv)" "$(cat data/ü/b)"',
    change: 'printf 2 >>a.csv; printf n >data/new; mv c d',
    exit: 'echo x; exit 7',
  },
]

describe.each(LANGUAGES)('$name', ({ name, ...programs }) => {
  const source = { python: 'main.py', nodejs: 'main.js', bash: 'main.sh' }[name]

  test('standard input is read to its end', async () => {
    const stdin = Buffer.from('one\ntwo')
    expect(await printed(name, programs.stdin, { stdin })).toBe("'one\\ntwo'")
  })

  test('without standard input a read ends at once', async () => {
    expect(await printed(name, programs.stdin)).toBe("''")
    const large = Buffer.alloc(1024 ** 2, 'x')
    expect(await printed(name, programs.stdin, { stdin: large.subarray(0, 300_000) })).toHaveLength(
      300_002,
    )
  })

  test('variables reach the program and its children', async () => {
    const env = { A: 'a b=c "ü"', LENGTH: '1', length: '2', text: '3' }
    const said = await printed(name, programs.env, { env })
    expect(said).toBe('a b=c "ü" /workspace\na b=c "ü"\n')
  })

  test('arguments follow the name of the program', async () => {
    const argv = ['one', 'two words', '-x', 'größe']
    const said = await printed(name, programs.argv, { program: { argv } })
    expect(said).toBe(`["one", "two words", "-x", "größe"] /workspace/${source}\n`)
  })

  test('files are there before the program, and come back when it changed them', async () => {
    const files = [file('a.csv', '1'), file('data/ü/b', '2'), file('c', '3')]
    expect(await printed(name, programs.readFiles, { files })).toBe('1 2\n')
    const { files: unchanged } = await run(name, programs.readFiles, { files })
    expect(unchanged).toEqual([])
    const { files: changed } = await run(name, programs.change, { files })
    expect(changed).toEqual([file('a.csv', '12'), file('d', '3'), file('data/new', 'n')])
  })

  test('only what is asked for is collected', async () => {
    const files = [file('a.csv', '1'), file('data/ü/b', '2'), file('c', '3')]
    const paths = async (...collect: string[]) =>
      (await run(name, programs.change, { files, collect })).files.map(({ path }) => path)
    expect(await paths('*.csv', '**/d')).toEqual(['a.csv', 'd'])
    expect(await paths('data/*')).toEqual(['data/new'])
    expect(await paths()).toEqual([])
  })

  test('a script is run to its end, without a main and without a result', async () => {
    expect(await run(name, programs.exit)).toMatchObject({
      end: 'exit',
      exitCode: 7,
      stdout: Buffer.from('x\n'),
      resultJson: null,
    })
  })

  test('all of it at once, in function mode as well', async () => {
    const outcome = await run(name, functionOf(name), {
      files: [file('a.csv', '1')],
      stdin: Buffer.from('in'),
      env: { A: 'env' },
      program: { mode: 'function', argv: ['arg'], argumentsJson: Buffer.from('{"x":"value"}') },
    })
    const text = outcome.resultJson ?? JSON.stringify(outcome.stdout.toString().trim())
    expect(JSON.parse(text)).toBe('1 in env arg value')
  })
})

function functionOf(name: string): string {
  if (name === 'python') {
    return 'import os, sys\ndef main(x): return " ".join([open("a.csv").read(), sys.stdin.read(), os.environ["A"], sys.argv[1], x])'
  }
  if (name === 'nodejs') {
    return 'const fs = require("fs")\nfunction main({ x }) { return [fs.readFileSync("a.csv"), fs.readFileSync(0), process.env.A, process.argv[2], x].join(" ") }'
  }
  return 'echo $(cat a.csv) $(cat) $A $1 $(jq -r .x arguments.json)'
}

describe('a Python script', () => {
  test('is the main module', async () => {
    const code = 'def main(): return 1\nif __name__ == "__main__": print(__file__)'
    expect(await printed('python', code)).toBe('/workspace/main.py\n')
  })

  test('waits for its threads, however long they take', async () => {
    const code =
      'import threading, time\ndef late():\n  time.sleep(1.5)\n  print("late")\nthreading.Thread(target=late).start()'
    expect(await printed('python', code)).toBe('late\n')
  })

  test('reads lines by input(), and an error when there is none', async () => {
    const stdin = Buffer.from('3\n4\n')
    const code = 'print(int(input()) + int(input()))'
    expect(await printed('python', code, { stdin })).toBe('7\n')
    const outcome = await run('python', code)
    expect(outcome).toMatchObject({ end: 'exit', exitCode: 1, error: { name: 'EOFError' } })
    expect(outcome.stderr.toString()).toMatch(
      /^Traceback .*\n {2}File "\/workspace\/main.py", line 1, in <module>\n/,
    )
  })

  test('keeps to its time zone', async () => {
    const code = 'import time\nprint(time.strftime("%z"), time.timezone)'
    expect(await printed('python', code, { env: { TZ: 'UTC-3' } })).toBe('+0300 -10800\n')
  })
})

describe('a Node.js script', () => {
  test('is the main module, and ends when nothing is left to do', async () => {
    const code =
      'if (require.main === module) setTimeout(() => console.log("late", typeof main), 1500)'
    expect(await printed('nodejs', code)).toBe('late undefined\n')
  })

  test('may be an ES module, and TypeScript', async () => {
    const code =
      'import fs from "node:fs"\nconst n: number = await Promise.resolve(1)\nconsole.log(n)'
    expect(await printed('nodejs', code)).toBe('1\n')
  })

  test('reads standard input as a stream', async () => {
    const code =
      'let s = ""; process.stdin.on("data", (d) => { s += d }).on("end", () => console.log(s))'
    expect(await printed('nodejs', code, { stdin: Buffer.from('in') })).toBe('in\n')
    expect(await printed('nodejs', code)).toBe('\n')
  })

  test('that awaits what never comes fails', async () => {
    const outcome = await run('nodejs', 'await new Promise(() => {})')
    expect(outcome).toMatchObject({ end: 'exit', exitCode: 1 })
    expect(outcome.stderr.toString()).toContain('never settle')
  })
})

test('a bash script may be given variables that its shell does not let go', async () => {
  const env = { UID: '0', A: '1', _argv: 'x' }
  const said = await printed('bash', 'echo $UID $A "$@"', { env, program: { argv: ['y'] } })
  expect(said).toBe('65534 1 y\n')
})

test('files of a thousand, and large ones', async () => {
  const many = Array.from({ length: 999 }, (_, i) => file(`many/${i}`, `${i}`))
  const large = { path: 'large', content: Buffer.alloc(8 * 1024 ** 2, 'x') }
  const code = 'import os\nprint(len(os.listdir("many")), os.path.getsize("large"))'
  expect(await printed('python', code, { files: [...many, large] })).toBe('999 8388608\n')
})
