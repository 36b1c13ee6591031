import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'

/**
 * The wall clock may be set at any time, so nothing that has to take so and so long goes by it. Timers
 * and performance.now() go by the monotonic clock. What may ask it, and why:
 */
const ALLOWED = {
  'api/e2b/control/samples.ts': 'told to callers: the time of a sample',
  'api/e2b/control/sandboxes-routes.ts': 'a sandbox expires at a time that its caller is told',
  'api/e2b/envd/processes.ts': 'told to callers: whether a process ended long ago',
  'api/e2b/interpreter/execute.ts': 'told to callers: the time of a message',
  'api/e2b/sandbox-call.ts': 'a URL is valid until a time that is written in it',
  'api/jupyter/contents-routes.ts': 'told to people: the time of the root folder',
  'api/jupyter/kept-kernel.ts': 'told to people: the last use of a kernel',
  'api/jupyter/kernels.ts': 'told to people: the last use of a kernel',
  'api/jupyter/message.ts': 'told to people: the time of a message',
  'api/signed-urls.ts': 'a URL is valid until a time that its caller is told',
  'api/user-tokens.ts': 'a token is valid until a time that is written in it',
  'api/v1/session-grants.ts': 'a URL is valid until a time that its caller is told',
  'assemble.ts': 'told to people: the age of runsc',
  'doctor/doctor.ts': 'told to people: the age of runsc',
  'engine/runsc/snapshot-store.ts': 'times of files, for which there is no other; a name',
  'images/guest.ts': 'times of files',
  'images/build.ts': 'told to people',
  'jobs/delivery-rows.ts': 'what is kept over restarts falls due',
  'jobs/file-rows.ts': 'what is kept over restarts expires',
  'jobs/kept-files.ts': 'what is kept over restarts expires',
  'jobs/run-rows.ts': 'what is kept over restarts expires',
  'jobs/signature.ts': 'told to others: the time of a webhook',
  'jobs/webhooks.ts': 'what is kept over restarts falls due',
  'log.ts': 'the time of a line that it writes itself',
  'metrics.ts': 'told to people: the age of a snapshot',
  'sessions/copies.ts': 'told to callers: when a copy was made',
  'sessions/commands.ts': 'told to callers: when a command began, and whether it ended long ago',
  'sessions/kept-command.ts': 'told to callers: when a command ended',
  'sessions/contexts.ts': 'told to people: when a context was made',
  'sessions/history.ts': 'told to callers: when a state began',
  'sessions/local-host.ts': 'told to callers: when a checkpoint was made',
  'sessions/local-sessions.ts': 'a session expires at a time that its caller is told',
  'sessions/load.ts': 'a session expires at a time that its caller is told',
  'sessions/new-record.ts': 'a session expires at a time that its caller is told',
  'sessions/registry.ts': 'a session expires at a time that its caller is told',
  'sessions/snapshots.ts': 'told to callers: when a snapshot was made',
  'sessions/shortage.ts': 'a session is dropped at a time that its caller is told',
  'setup/erofs-tool.ts': 'times of files',
  'setup/gvisor-release.ts': 'times of files',
  'templates/build.ts': 'told to people',
  'templates/builder.ts': 'times of files',
}

test('only these ask the wall clock', () => {
  const src = path.join(projectDir(), 'src')
  const asking = (readdirSync(src, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => /Date\.now|new Date\(\)/.test(readFileSync(path.join(src, name), 'utf8')))
  expect(asking.sort()).toEqual(Object.keys(ALLOWED).sort())
})
