import { describe, expect } from 'vitest'
import { eachInput, type Input, useWholeManager } from '../support/user-inputs.ts'

/** JavaScript, TypeScript and bash as users send them. */

const client = useWholeManager()
const each = (inputs: readonly Input[]) => eachInput(client, inputs)
const error = { status: 'program_error' }

describe('forms of JavaScript and TypeScript', () => {
  const language = 'nodejs'
  each([
    {
      what: 'interfaces, generics and an enum',
      language,
      code: [
        'interface P { name: string; age?: number }',
        "enum Color { Red = 'r' }",
        'const f = <T,>(x: T): T => x',
        'async function main(): Promise<P[]> {',
        '  return f([{ name: Color.Red, age: 1 } as P])',
        '}',
      ],
      value: [{ name: 'r', age: 1 }],
    },
    {
      what: 'instances, objects without a prototype, classes of Map',
      language,
      code: [
        'class A { #x = 1; y = 2; get z() { return 3 } static s = 1 }',
        "function main() { return [new A(), Object.create(null), new (class extends Map {})([['a', 1]])] }",
      ],
      value: [{ y: 2 }, {}, { a: 1 }],
    },
    {
      what: 'libraries by import, of several hundred files, and a file that comes back',
      language,
      code: [
        "import _ from 'lodash'",
        "import { format } from 'date-fns'",
        "import { de } from 'date-fns/locale'",
        "import { evaluate } from 'mathjs'",
        "import fs from 'node:fs/promises'",
        'export default async function main() {',
        "  await fs.writeFile('a.csv', 'x')",
        "  return [_.sum([1, 2]), format(new Date(2024, 0, 2), 'EEEE', { locale: de }), evaluate('2 * 3')]",
        '}',
      ],
      value: [3, 'Dienstag', 6],
      files: [['a.csv', 'text/csv']],
    },
    {
      what: 'dates, big numbers, proxies, numbers that JSON lacks',
      language,
      code: [
        'function main() {',
        "  return [new Date('2024-01-01T00:00:00Z'), 12345678901234567890n, new Proxy({ a: 1 }, {}), 1e400, [1, , 3]]",
        '}',
      ],
      value: ['2024-01-01T00:00:00.000Z', '12345678901234567890', { a: 1 }, null, [1, null, 3]],
    },
    {
      what: 'an asynchronous generator',
      language,
      code: ['async function* main() { yield 1; yield { a: 2 } }'],
      value: [1, { a: 2 }],
    },
    {
      what: 'an arrow function with arguments',
      language,
      args: { a: 2 },
      code: ['const main = async ({ a }) => a * 2'],
      value: 4,
    },
    {
      what: 'money and dates by locale',
      language,
      code: [
        'function main() {',
        "  const money = new Intl.NumberFormat('de-DE', { style: 'currency', currency: 'EUR' }).format(1234.5)",
        "  return [money.replace(/\\s/, ' '), new Date(Date.UTC(2024, 0, 2)).toLocaleDateString('zh-CN', { timeZone: 'Asia/Shanghai' })]",
        '}',
      ],
      value: ['1.234,50 €', '2024/1/2'],
    },
    {
      what: 'an error with its cause, a rejection with a text, an exit code',
      language,
      code: ["function main() { throw new Error('outer', { cause: new TypeError('inner') }) }"],
      want: error,
      stderr: /outer[\s\S]*inner/,
    },
    {
      what: 'a rejection with a text',
      language,
      code: ["async function main() { return Promise.reject('just text') }"],
      want: error,
      stderr: 'just text',
    },
    {
      what: 'an exit code of its own',
      language,
      code: ["function main() { console.log('x'); process.exit(3) }"],
      want: { ...error, exit_code: 3, partial_stdout: 'x\n' },
    },
  ])
})

describe('bash', () => {
  const language = 'bash'
  each([
    {
      what: 'texts as they are, locales and time zones',
      language,
      code: [
        "cat <<'EOF'\n数据 $HOME\nEOF",
        "LC_ALL=de_DE.UTF-8 printf '%.2f\\n' 3,5",
        'TZ=Asia/Tokyo date -d @0 +%H',
      ],
      stdout: /^数据 \$HOME\n3,50\n09\n$/,
    },
    {
      what: 'arrays by name, lines into arrays, patterns',
      language,
      code: [
        'declare -A m=([a]=1 [b]=2)',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash
        'for k in "${!m[@]}"; do echo "$k=${m[$k]}"; done | sort',
        'mapfile -t x < <(seq 3)',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash
        'echo "${#x[@]}"; [[ a-b =~ ^(.)-(.)$ ]] && echo "${BASH_REMATCH[2]}"',
      ],
      stdout: /^a=1\nb=2\n3\nb\n$/,
    },
    {
      what: 'an unset variable, a command that is not there',
      language,
      code: ['foobar --x', 'set -u', 'echo $NOPE'],
      want: error,
      stderr: /line 1: foobar: command not found[\s\S]*NOPE: unbound variable/,
    },
    {
      what: 'a signal to itself',
      language,
      code: ['echo x; kill -TERM $$; sleep 30'],
      want: { partial_stdout: 'x\n' },
      detail: 'SIGTERM',
    },
    {
      what: 'Python, and tools that look at files',
      language,
      code: [
        "python3 -c 'import json; print(json.dumps([1]))' > y; file -b --mime-type y; xxd -p y",
        'mkdir d; touch d/x; tree --noreport d; xz -k y; bzip2 -k y; zstd -q y; ls; wget --version | head -c 8',
      ],
      stdout: /^application\/json\n5b315d0a\nd\n.* x\n/,
    },
    {
      what: 'files of its tools',
      language,
      code: [
        'mkdir o; echo \'{"a":1}\' | jq .a > o/a.json; zip -q z.zip o/a.json',
        "sqlite3 t.db 'create table t(a)'",
      ],
      files: [
        ['a.json', 'application/json'],
        ['z.zip', 'application/zip'],
        ['t.db', expect.any(String)],
      ],
    },
  ])
})
