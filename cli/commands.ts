/** The commands and their options: what is parsed, what the help tells and what a shell completes. */

export interface Option {
  readonly type: 'string' | 'boolean'
  readonly multiple?: boolean
  readonly short?: string
  /** What stands for the value in the help. */
  readonly value?: string
  readonly says: string
  /** What a shell offers for the value. */
  readonly completes?: 'file' | 'folder' | readonly string[]
}

export interface Command {
  readonly usage: string
  readonly says: string
  readonly options: Readonly<Record<string, Option>>
  /** Lines behind the options. */
  readonly more?: string
  /** What a shell offers for its words. */
  readonly completes?: 'file' | readonly string[]
}

const help: Option = { type: 'boolean', short: 'h', says: 'this text' }
const url: Option = {
  type: 'string',
  value: 'URL',
  says: 'the service; else EXECUTOR_MANAGER_URL, else the config file, else http://127.0.0.1:9385',
}
const json: Option = { type: 'boolean', says: 'the answer as JSON, for programs' }

export const EXTENSIONS: Readonly<Record<string, string>> = {
  py: 'python',
  js: 'nodejs',
  mjs: 'nodejs',
  cjs: 'nodejs',
  ts: 'nodejs',
  mts: 'nodejs',
  cts: 'nodejs',
  sh: 'bash',
  bash: 'bash',
}

const RUN_HELP = `FILE is the program; - reads it from this command's own stdin. Its language is told by the
extension (${Object.keys(EXTENSIONS).join(', ')}), by a first line such as #!/usr/bin/env python3, or by
--language.

Output comes as the program writes it. The exit code is the program's, or
  124  it reached its time limit          137  it reached its memory limit
  153  it wrote more than it may          128+N  signal N ended it
  126  the code policy refused it         125  the service did not run it
    2  this command was not understood

Examples
  executor-manager run hello.py
  executor-manager run sum.py --arg 1 --arg 2
  executor-manager run sum.py -- 1 2                     the same
  executor-manager run plot.py --file data.csv --out .   files in, files out
  executor-manager run f.py --arguments '{"n": 3}'       calls main(n=3), prints what it returns
  echo 'print(input())' >a.py; date | executor-manager run a.py --stdin -
  executor-manager run loop.js --limit wall=2s --limit memory=64m
  executor-manager run a.py --json | jq .usage`

const SETTINGS_HELP = `The key is never an option, for other users see a command's words. It comes from the variable
EXECUTOR_MANAGER_API_KEY, or from the config file, which nobody else may read (chmod 600):
  ~/.config/executor-manager/config.json   {"url": "https://host", "key": "..."}`

export const COMMANDS: Readonly<Record<string, Command>> = {
  run: {
    usage: 'run FILE|- [options] [-- ARG...]',
    says: 'run a program in a sandbox',
    completes: 'file',
    options: {
      language: { type: 'string', short: 'l', value: 'NAME', says: 'of the program' },
      template: { type: 'string', value: 'NAME', says: 'what the sandbox is made of' },
      arg: { type: 'string', multiple: true, value: 'TEXT', says: 'an argument of the program' },
      arguments: {
        type: 'string',
        value: 'JSON',
        says: 'an object: call main with these; @FILE reads it',
      },
      mode: {
        type: 'string',
        value: 'MODE',
        says: 'script (default), function (default with --arguments) or cell',
        completes: ['script', 'function', 'cell'],
      },
      file: {
        type: 'string',
        multiple: true,
        value: 'PATH[:NAME]',
        says: 'a file for the working directory',
        completes: 'file',
      },
      env: {
        type: 'string',
        multiple: true,
        value: 'NAME[=TEXT]',
        says: 'a variable; without =TEXT as it is here',
      },
      stdin: {
        type: 'string',
        value: 'FILE|-',
        says: "what the program reads; - is this command's own",
        completes: 'file',
      },
      limit: {
        type: 'string',
        multiple: true,
        value: 'NAME=N',
        says: 'wall=5s, cpu=2s, memory=64m, output=1m, processes=8',
        completes: ['wall=', 'cpu=', 'memory=', 'output=', 'processes='],
      },
      network: {
        type: 'string',
        value: 'WHICH',
        says: 'none or egress',
        completes: ['none', 'egress'],
      },
      collect: {
        type: 'string',
        multiple: true,
        value: 'GLOB',
        says: 'which files come back; by default new and changed ones',
      },
      out: {
        type: 'string',
        value: 'FOLDER',
        says: 'where the files are written to',
        completes: 'folder',
      },
      json,
      url,
      help,
    },
    more: RUN_HELP,
  },
  mcp: {
    usage: 'mcp [options]',
    says: 'serve MCP on stdin and stdout, by asking a running service',
    options: { url, help },
    more: SETTINGS_HELP,
  },
  templates: {
    usage: 'templates [NAME]',
    says: 'what runs can be made of: languages, libraries, limits',
    options: { json, url, help },
  },
  status: {
    usage: 'status',
    says: 'how the service is',
    options: { json, url, help },
    more: 'The exit code is 125 when it does not answer.',
  },
  serve: {
    usage: 'serve',
    says: 'set up what is missing, then serve: the same as npm start',
    options: { help },
    more: 'Settings are variables of the environment: docs/configuration.md.',
  },
  setup: {
    usage: 'setup [--no-install]',
    says: 'only set up what is missing',
    options: {
      'no-install': { type: 'boolean', says: 'install no packages on this machine' },
      help,
    },
  },
  doctor: {
    usage: 'doctor',
    says: 'what this machine has and lacks for serving; changes nothing',
    options: { help },
  },
  template: {
    usage: 'template build [NAME ...]',
    says: 'build the libraries of templates of your own, on the machine that serves; all without NAME',
    options: { help },
    completes: ['build'],
    more: `A template is a folder templates/NAME with a template.yaml: docs/templates.md. A service that runs takes
what was built within seconds; nothing is restarted. The exit code is 1 when something could not be built, and
the message says which requirement and why.`,
  },
  completion: {
    usage: 'completion bash|zsh|fish',
    says: 'a script that lets a shell complete this command',
    options: { help },
    completes: ['bash', 'zsh', 'fish'],
    more: `  echo 'source <(executor-manager completion bash)' >>~/.bashrc
  echo 'source <(executor-manager completion zsh)' >>~/.zshrc
  executor-manager completion fish >~/.config/fish/completions/executor-manager.fish`,
  },
}

/** The help of one command, or of all. */
export function helpText(name?: string): string {
  const command = name === undefined ? undefined : COMMANDS[name]
  if (!command) {
    const rows = Object.values(COMMANDS).map(({ usage, says }) => [usage.split(' [opt')[0], says])
    return [
      'Runs code that nobody has checked, each time in a fresh sandbox.\n',
      'Usage: executor-manager COMMAND\n',
      table(rows as [string, string][]),
      '\nexecutor-manager COMMAND --help tells more. A first run, with a service that serves here:',
      "  echo 'print(6 * 7)' | executor-manager run - --language python\n",
      SETTINGS_HELP,
    ].join('\n')
  }
  const options = Object.entries(command.options).map(([long, option]): [string, string] => {
    const short = option.short ? `-${option.short}, ` : ''
    const again = option.multiple ? ' (may come several times)' : ''
    return [`${short}--${long}${option.value ? ` ${option.value}` : ''}`, option.says + again]
  })
  const parts = [`executor-manager ${command.usage}\n\n${sentence(command.says)}`, table(options)]
  if (command.more) parts.push(command.more)
  return parts.join('\n\n')
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length))
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`).join('\n')
}

const sentence = (text: string) => `${text[0]?.toUpperCase()}${text.slice(1)}.`
