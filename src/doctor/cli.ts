/** `npm run doctor`. The only file here that prints. */
import { reportFailure, runtimesIn } from '../setup/cli.ts'
import { defaultHome } from '../setup/home.ts'
import { examine, type Finding } from './doctor.ts'

const MARKS: Record<Finding['state'], string> = {
  ok: 'ok     ',
  todo: 'to do  ',
  note: 'note   ',
  lacking: 'LACKING',
}

/** Prints what the machine has and lacks. Returns 1 when something needed is lacking. */
export async function doctor(projectDir: string, env: NodeJS.ProcessEnv): Promise<number> {
  try {
    const findings = await examine({
      home: defaultHome(projectDir, env),
      runtimesDir: runtimesIn(projectDir),
      host: env.EXECUTOR_MANAGER_HOST || '127.0.0.1',
      port: Number(env.SANDBOX_EXECUTOR_MANAGER_PORT) || 9385,
    })
    for (const finding of findings) console.log(line(finding))
    const lacking = findings.filter((finding) => finding.state === 'lacking').length
    const todo = findings.filter((finding) => finding.state === 'todo').length
    console.log(`\n${verdict(lacking, todo)}`)
    return lacking + todo > 0 ? 1 : 0
  } catch (error) {
    return reportFailure(error)
  }
}

function line({ state, subject, text, remedy }: Finding): string {
  const first = `${MARKS[state]}  ${subject.padEnd(15)} ${text}`
  return remedy ? `${first}\n${' '.repeat(25)} -> ${remedy}` : first
}

function verdict(lacking: number, todo: number): string {
  if (lacking > 0) return 'This machine cannot run it yet: see LACKING above.'
  if (todo > 0) return 'This machine can run it once it is set up: npm run setup.'
  return 'Everything is in place: npm start.'
}
