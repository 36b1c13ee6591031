import { COMMANDS, type Command, type Option } from './commands.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** A script for a shell. zsh takes bash's with its own bashcompinit. */
export function completionScript(shell: Shell): string {
  if (shell === 'fish') return fishScript()
  const zsh = 'autoload -Uz +X compinit bashcompinit && compinit && bashcompinit\n\n'
  return (shell === 'zsh' ? zsh : '') + BASH
}

const cases = Object.entries(COMMANDS).map(([name, { options, completes }]) => {
  const values = Object.entries(options).flatMap(([long, option]) => valueCase(long, option))
  const names = Object.keys(options).map((long) => `--${long}`)
  return `    ${name})
      case $previous in
${[...values, `        *) ${offered(completes, names)} ;;`].join('\n')}
      esac ;;`
})

const BASH = `_executor_manager() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${Object.keys(COMMANDS).join(' ')} --help" -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
}
complete -o filenames -F _executor_manager executor-manager
`

function valueCase(long: string, { type, short, completes }: Option): string[] {
  if (type === 'boolean') return []
  const names = short ? `--${long}|-${short}` : `--${long}`
  return [`        ${names}) ${offered(completes, [])} ;;`]
}

function offered(what: Option['completes'] | Command['completes'], names: readonly string[]) {
  const words = [...(typeof what === 'object' ? what : []), ...names].join(' ')
  const reply = (options: string) => `COMPREPLY=($(compgen ${options} -- "$word"))`
  if (what === 'folder') return reply('-d')
  if (what !== 'file') return words ? reply(`-W "${words}"`) : ':'
  if (!words) return reply('-f')
  return `if [[ $word == -* ]]; then ${reply(`-W "${words}"`)}; else ${reply('-f')}; fi`
}

/** https://fishshell.com/docs/current/completions.html; each line is one thing that can be completed. */
function fishScript(): string {
  const lines = [line('-n __fish_use_subcommand -l help', 'how it is used')]
  for (const [name, { says, options, completes }] of Object.entries(COMMANDS)) {
    const inside = `-n ${fishText(`__fish_seen_subcommand_from ${name}`)}`
    lines.push(line(`-n __fish_use_subcommand -a ${name}`, says))
    if (completes) lines.push(line(`${inside}${fishValues(completes)}`, ''))
    for (const [long, option] of Object.entries(options)) {
      const short = option.short ? ` -s ${option.short}` : ''
      const value = option.type === 'boolean' ? '' : ` -r${fishValues(option.completes)}`
      lines.push(line(`${inside} -l ${long}${short}${value}`, option.says))
    }
  }
  return `complete -c executor-manager -f\n${lines.join('')}`
}

function line(words: string, says: string): string {
  return `complete -c executor-manager ${words}${says ? ` -d ${fishText(says)}` : ''}\n`
}

function fishValues(what: Option['completes'] | Command['completes']): string {
  if (what === undefined) return ''
  if (what === 'file') return ' -F'
  if (what === 'folder') return ` -a ${fishText('(__fish_complete_directories)')}`
  return ` -a ${fishText(what.join(' '))}`
}

const fishText = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`
