import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../support/command-line.ts'
import { FakeRuns, openDoors } from '../support/door.ts'
import { hostSession } from '../support/host-session.ts'
import { cachedPython } from '../support/python.ts'

const SCRIPT = `
import asyncio, sys
from executor_manager import AsyncClient, AsyncSession, Client, Session
url, folder = sys.argv[1:]
class State: id = 'here'

session = Session(Client(url), State)
files = session.files
files.write(folder + '/a b', 'content')
assert files.read(folder + '/a b') == b'content'
assert b''.join(files.stream(folder + '/a b')) == b'content'
assert files.stat(folder + '/a b').size == 7
files.make_folder(folder + '/c')
files.move(folder + '/a b', folder + '/c/d')
assert [entry.path for entry in files.list(folder + '/c')] == ['d']
files.write_archive(files.read_archive(folder + '/c'), folder + '/e')
assert files.read(folder + '/e/d') == b'content'
assert files.sign(folder + '/e/d').url.startswith('/v1/sessions/here/files/')
assert files.sign_port(80).url.startswith('/v1/ports/here.80.')
files.remove(folder + '/e')
files.make_folder(folder + '/w')
for event in files.watch(folder + '/w'):
    if event.event == 'begun': files.make_folder(folder + '/w/new')
    if event.event == 'created': break
assert event.data == {'path': 'new'}
command = session.commands.start('read x; echo got $x; exit 3', cwd='/tmp')
command.write('it\\n')
while command.output().running: pass
assert command.output().stdout == 'got it\\n'
assert command.refresh().exit_code == 3
assert [one.id for one in session.commands.list()] == [command.id]
command.delete()

async def main():
    session = AsyncSession(AsyncClient(url), State)
    await session.files.write(folder + '/f', b'async')
    assert await session.files.read(folder + '/f') == b'async'
    assert b''.join([chunk async for chunk in session.files.stream(folder + '/f')]) == b'async'
    await session.files.move(folder + '/f', folder + '/g')
    assert (await session.files.sign(folder + '/g')).url
    async for event in session.files.watch(folder + '/w'):
        if event.event == 'begun': await session.files.make_folder(folder + '/w/more')
        if event.event == 'created': break
    assert event.data == {'path': 'more'}
    command = await session.commands.start('sleep 1000', cwd='/tmp')
    await command.signal('SIGINT')
    while (await command.output()).running: pass
    assert (await command.refresh()).signal == 'SIGINT'
    await command.delete()
asyncio.run(main())
print('done')
`

test('the Python clients work on files and have commands in the background', async ({ skip }) => {
  const python = await cachedPython(['httpx', 'typing_extensions'])
  if (!python) return skip()
  const folder = mkdtempSync(path.join(tmpdir(), 'session-clients-'))
  chmodSync(folder, 0o777)
  const host = await hostSession('here')
  const doors = await openDoors(new FakeRuns(), {}, {}, undefined, host.sessions)
  const source = path.join(import.meta.dirname, '../../clients/python/src')
  const { stdout, stderr } = await runCommand(python, ['-c', SCRIPT, doors.url, folder], {
    env: { PYTHONPATH: source },
  })
  await doors.close()
  await host.close()
  rmSync(folder, { recursive: true })
  expect([stdout, stderr]).toEqual(['done\n', ''])
})
