import type { Database } from './database.ts'
import type { FileInfo, FileToKeep } from './file-rows.ts'
import type { RunEnding, RunToAccept } from './run-rows.ts'

/** Rows that are removed in one go, so that others have their turn in between. */
const MOST_REMOVED = 20

/** Returns what the thread of the store is asked for, by name. All arguments and results are plain data. */
export function methodsOf(db: Database) {
  const { files, runs, room, deliveries } = db
  const write = <T>(work: () => T): T => db.transaction(work)
  return {
    putFile: (owner: string, folder: string, file: FileToKeep): FileInfo =>
      write(() => files.put(owner, folder, file)),
    findFile: (owner: string, folder: string, name: string) => files.find(owner, folder, name),
    chunk: (id: number, number: number) => files.chunk(id, number),
    listFiles: (owner: string, folder: string) => files.list(owner, folder),
    removeFile: (owner: string, folder: string, name: string) =>
      write(() => files.remove(owner, folder, name)),

    accept: (run: RunToAccept) => write(() => runs.accept(run)),
    waitingOwners: () => runs.waitingOwners(),
    take: (owner: string) => runs.take(owner),
    giveBack: (id: string) => runs.giveBack(id),
    begin: (owner: string, id: string) => write(() => runs.begin(owner, id)),
    append: (id: string, events: readonly { name: string; data: string }[]) =>
      write(() => runs.append(id, events)),
    addFile: (owner: string, id: string, file: FileToKeep) =>
      write(() => runs.addFile(owner, id, file)),
    end: (owner: string, id: string, ending: RunEnding) => write(() => runs.end(owner, id, ending)),
    endWaiting: (owner: string, id: string, ending: RunEnding) =>
      write(() => runs.endWaiting(owner, id, ending)),
    endRunning: (ending: RunEnding) => write(() => runs.endRunning(ending)),
    findRun: (owner: string, id: string) => runs.find(owner, id),
    listRuns: (owner: string, before: string | null, most: number) =>
      runs.list(owner, before, most),
    listRunsWith: (owner: string, prefix: string, name: string, offset: number, most: number) =>
      runs.listWith(owner, prefix, name, offset, most),
    events: (owner: string, id: string, after: number, mostBytes: number) =>
      runs.events(owner, id, after, mostBytes),
    outcome: (owner: string, id: string) => files.find(owner, `outcome:${id}`, 'outcome'),
    removeRun: (owner: string, id: string) => write(() => runs.remove(owner, id)),

    dueDeliveries: (busy: readonly string[], underWay: readonly number[], most: number) =>
      deliveries.due(busy, underWay, most),
    nextDueMs: () => deliveries.nextDueMs(),
    deliveryDone: (run: number) => write(() => deliveries.remove(run)),
    deliverAgain: (run: number, dueMs: number) => write(() => deliveries.again(run, dueMs)),

    held: (owner: string) => room.held(owner),
    total: () => room.total(),
    /** @returns whether there may be more that has expired */
    sweep: () =>
      write(() => {
        const removed = [files.removeExpired(MOST_REMOVED), runs.removeExpired(MOST_REMOVED)]
        return removed.some((count) => count === MOST_REMOVED)
      }),
    checkpoint: () => db.checkpoint(),
    close: () => db.close(),
  }
}

export type Methods = ReturnType<typeof methodsOf>
export type MethodName = keyof Methods
