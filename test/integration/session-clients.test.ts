import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Session } from '../../clients/typescript/src/sessions.ts'
import { Transport } from '../../clients/typescript/src/transport.ts'
import { FakeRuns, openDoors } from '../support/door.ts'
import { hostSession } from '../support/host-session.ts'

// The client over the real front door and supervisor; what runs here is ours.
const folder = mkdtempSync(path.join(tmpdir(), 'session-clients-'))
let host: Awaited<ReturnType<typeof hostSession>>
let doors: Awaited<ReturnType<typeof openDoors>>
let session: Session

beforeAll(async () => {
  chmodSync(folder, 0o777)
  host = await hostSession('here')
  doors = await openDoors(new FakeRuns(), {}, {}, undefined, host.sessions)
  session = new Session(new Transport({ url: doors.url }), { id: 'here' } as never)
})
afterAll(async () => {
  await doors.close()
  await host.close()
  rmSync(folder, { recursive: true })
})

test('the TypeScript client works on files', async () => {
  const { files } = session
  const at = (name: string) => `${folder}/${name}`
  await files.write(at('a b/ü.txt'), 'content')
  expect(await files.readText(at('a b/ü.txt'))).toBe('content')
  expect(await files.stat(at('a b/ü.txt'))).toMatchObject({ type: 'file', size: 7 })
  await files.makeFolder(at('c/d'))
  await files.move(at('a b/ü.txt'), at('c/d/e'))
  expect((await files.list(at('c'), 2)).map((entry) => entry.path)).toEqual(['d', 'd/e'])
  const archive = await files.readArchive(at('c'))
  await files.writeArchive(archive, at('f'))
  expect(await files.read(at('f/d/e'))).toEqual(new TextEncoder().encode('content'))
  const { url } = await files.sign(at('f/d/e'))
  expect(await (await fetch(doors.url + url)).text()).toBe('content')
  expect((await files.signPort(80)).url).toMatch(/^\/v1\/ports\/here\.80\./)
  await files.remove(at('f'))
  await expect(files.read(at('f/d/e'))).rejects.toMatchObject({ status: 404 })
})

test('the TypeScript client watches a folder', async () => {
  const { files } = session
  await files.makeFolder(`${folder}/w`)
  const seen: (string | undefined)[] = []
  for await (const { event, data } of files.watch(`${folder}/w`)) {
    if (event === 'begun') await files.makeFolder(`${folder}/w/new`)
    seen.push(event, data.path)
    if (event === 'created') break
  }
  expect(seen).toEqual(['begun', undefined, 'created', 'new'])
})

test('the TypeScript client has commands in the background', async () => {
  const { commands } = session
  const command = await commands.start('read x; echo got $x; exit 3', { cwd: '/tmp' })
  expect((await commands.list()).map(({ id }) => id)).toContain(command.id)
  await command.write('it\n')
  let said = ''
  for await (const { event, data } of command.events()) {
    if (event === 'stdout') said += data.text
    if (event === 'done') expect(data).toMatchObject({ status: 'failed', exit_code: 3 })
  }
  expect(said).toBe('got it\n')
  expect(await command.output(4)).toMatchObject({ stdout: 'it\n', running: false })
  const other = await commands.start('sleep 1000', { cwd: '/tmp' })
  await other.signal('SIGINT')
  for await (const _ of other.events());
  expect(await other.refresh()).toMatchObject({ signal: 'SIGINT' })
  await other.delete()
})
