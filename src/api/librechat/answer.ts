import { ManagerError } from '../../errors.ts'
import { mediaTypeOf } from '../../run/media-types.ts'
import type { OutputFile, RunOutcome } from '../../run/types.ts'
import { outcomeDetail, signalName, statusOf } from '../v1/present.ts'
import type { SessionFile, SessionFiles } from './files.ts'
import type { FileIn } from './read-exec.ts'

/** A file as an answer names it; both generations of LibreChat find their name of the session. */
interface FileOut {
  readonly id: string
  readonly name: string
  readonly storage_session_id: string
  readonly session_id: string
  readonly inherited?: true
  readonly modified_from?: { id: string; storage_session_id: string; session_id: string }
}

/**
 * Returns an outcome in LibreChat's words. The files that the program made are kept.
 * @param session in which they are kept
 * @param wanted files that it was given
 */
export async function answerOf(
  outcome: RunOutcome,
  session: string,
  wanted: readonly FileIn[],
  caller: string,
  files: SessionFiles,
) {
  // LibreChat tells its model that nothing is kept of a failed run.
  const isGood = hasEndedWell(outcome)
  const made = isGood ? outcome.files : []
  const kept = await keepOutputs(made, wanted, caller, session, files)
  const changed = new Set(made.map(({ path }) => path))
  const inherited = wanted.filter(({ name }) => !changed.has(name)).map(inheritedOf)
  return {
    session_id: session,
    stdout: outcome.stdout.toString(),
    stderr: stderrOf(outcome),
    files: [...kept.files, ...inherited],
    code: outcome.exitCode,
    signal: outcome.signal === null ? null : signalName(outcome.signal),
    message: isGood ? null : outcomeDetail(outcome),
    status: statusOf(outcome),
    wall_time: Math.round(outcome.usage.wallMs),
    ...(kept.delivery ? { artifact_delivery: kept.delivery } : {}),
  }
}

async function keepOutputs(
  made: readonly OutputFile[],
  wanted: readonly FileIn[],
  caller: string,
  session: string,
  files: SessionFiles,
) {
  const out: FileOut[] = []
  let failure: ManagerError | null = null
  for (const { path, content } of made) {
    try {
      const mediaType = mediaTypeOf(path)
      const file = await files.add(caller, session, { name: path, mediaType, content })
      const before = wanted.findLast(({ name }) => name === path)
      out.push({ ...fileOut(file), ...(before ? { modified_from: referenceTo(before) } : {}) })
    } catch (error) {
      // The program has run: what it printed must not be lost because its files cannot be kept.
      if (!(error instanceof ManagerError)) throw error
      failure = error
    }
  }
  if (!failure) return { files: out, delivery: null }
  const [attempted, delivered] = [made.length, out.length]
  const counts = { attempted, delivered, failed: attempted - delivered }
  const delivery = { code: 'artifact_delivery_failed', status: failure.httpStatus, ...counts }
  return { files: out, delivery }
}

function fileOut({ id, name, session }: SessionFile): FileOut {
  return { id, name, storage_session_id: session, session_id: session }
}

function inheritedOf({ id, name, session }: FileIn): FileOut {
  return { id, name, storage_session_id: session, session_id: session, inherited: true }
}

function referenceTo({ id, session }: FileIn) {
  return { id, storage_session_id: session, session_id: session }
}

/** A model reads stdout and stderr only, so that an end that the program does not tell of stands there. */
function stderrOf(outcome: RunOutcome): string {
  const stderr = outcome.stderr.toString()
  if (outcome.end === 'exit') return stderr
  return `${stderr}${stderr === '' || stderr.endsWith('\n') ? '' : '\n'}${outcomeDetail(outcome)}`
}

/** Tells whether a program ended with exit code 0. */
export function hasEndedWell({ end, exitCode }: RunOutcome): boolean {
  return end === 'exit' && exitCode === 0
}
