import type { InputFile } from '../../run/types.ts'
import { overBudget } from '../uploads.ts'
import { type FileUser, ownerOf, type SessionFiles } from './files.ts'
import type { FileIn } from './read-exec.ts'

/**
 * Reads files for a run. What is not there any more is left out: the program says so better than a refusal.
 * @param account told of the bytes; false: they are too many
 * @throws Refused when they are
 */
export async function readInputs(
  wanted: readonly FileIn[],
  user: FileUser,
  files: SessionFiles,
  account: (bytes: number) => boolean,
): Promise<InputFile[]> {
  const inputs = new Map<string, InputFile>()
  for (const { id, name, session, kind } of wanted) {
    const owner = ownerOf(user, kind)
    const file = await files.find(owner, session, id)
    if (!file) continue
    if (!account(file.size)) throw overBudget()
    const found = await files.open(owner, file)
    if (!found) continue
    const pieces: Buffer[] = []
    for await (const piece of found.read()) pieces.push(piece)
    inputs.set(name, { path: name, content: Buffer.concat(pieces) })
  }
  return [...inputs.values()]
}
