import { COMMANDS, type Command, type Option } from './commands.ts'

/** A script for a shell. zsh takes bash's with its own bashcompinit. */
export function completionScript(shell: 'bash' | 'zsh'): string {
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
