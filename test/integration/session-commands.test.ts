import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { eventsIn, sessionClient, soon } from '../support/session-client.ts'

const client = useManager({ runtimes: ['bash'], sessionsPerCaller: 3 })
const { call, create, command, begin } = sessionClient(() => client.url)
const EVENTS = { accept: 'text/event-stream' }

describe('a command in the background', () => {
  test('does what the document shows', async () => {
    const text = readFileSync(path.join(import.meta.dirname, '../../docs/sessions.md'), 'utf8')
    const [, example = ''] = /```sh\n(session=\S+[\s\S]*?\ncommand=[\s\S]*?)```/.exec(
      text.slice(text.indexOf('## Commands that outlive')),
    ) ?? ['', '']
    const lines = example.replaceAll('http://127.0.0.1:9385', client.url)
    const { stdout } = await promisify(execFile)('bash', ['-c', lines])
    expect(stdout).toContain('"text":"got this\\n"')
  })

  test('goes on after its request, takes input, and tells of itself', async () => {
    const id = await create({ env: { WORD: 'given' } })
    const at = await begin(id, 'echo $WORD $PWD; echo no >&2; while read x; do echo got $x; done', {
      cwd: '/tmp',
      stdin: 'first\n',
    })
    const said = async () => (await call('GET', `${at}/output`)).json()
    await soon(async () => (await said()).stdout).toBe('given /tmp\ngot first\n')
    expect(await said()).toMatchObject({ stderr: 'no\n', dropped: 0, running: true })
    expect((await call('POST', `${at}/stdin`, { text: 'more\n' })).status).toBe(204)
    await soon(async () => (await said()).stdout).toContain('got more\n')
    expect((await call('GET', `/${id}/commands`)).json().commands).toHaveLength(1)
    expect((await call('GET', at)).json()).toMatchObject({ status: 'running', cwd: '/tmp' })
    const last = { content_base64: Buffer.from('end\n').toString('base64'), close: true }
    expect((await call('POST', `${at}/stdin`, last)).status).toBe(204)
    await soon(async () => (await call('GET', at)).json().status).toBe('succeeded')
    const { next_offset: next } = await said()
    expect((await call('GET', `${at}/output?offset=${next - 8}`)).json()).toMatchObject({
      stdout: 'got end\n',
      next_offset: next,
      running: false,
    })
    expect((await call('DELETE', at)).status).toBe(204)
    expect((await call('GET', at)).status).toBe(404)
  })

  test('is signaled with its group, and its exit is kept', async () => {
    const id = await create()
    const at = await begin(id, 'trap "echo caught; exit 7" TERM; echo up; sleep 1000 & wait')
    await soon(async () => (await call('GET', `${at}/output`)).json().stdout).toBe('up\n')
    expect((await call('POST', `${at}/signal`, {})).status).toBe(204)
    await soon(async () => (await call('GET', at)).json()).toMatchObject({
      status: 'failed',
      exit_code: 7,
      signal: null,
    })
    const killed = await begin(id, 'sleep 1000')
    await call('POST', `${killed}/signal`, { signal: 'SIGKILL' })
    await soon(async () => (await call('GET', killed)).json()).toMatchObject({
      status: 'failed',
      exit_code: null,
      signal: 'SIGKILL',
    })
    expect((await call('POST', `${killed}/signal`, { signal: 'SIGNOT' })).status).toBe(400)
  })

  test('is read from an offset on while it runs, by several at once', async () => {
    const id = await create()
    const at = await begin(id, 'for i in 1 2 3; do echo line $i; sleep 0.2; done; exit 4')
    const streams = [0, 7].map((offset) =>
      call('GET', `${at}/output?offset=${offset}`, undefined, EVENTS),
    )
    const [whole, part] = (await Promise.all(streams)).map(({ text }) => eventsIn(text))
    const saidIn = (events: ReturnType<typeof eventsIn> | undefined) =>
      events
        ?.filter(({ event }) => event === 'stdout')
        .map(({ data }) => data.text)
        .join('')
    expect(saidIn(whole)).toBe('line 1\nline 2\nline 3\n')
    expect(saidIn(part)).toBe('line 2\nline 3\n')
    expect(whole?.at(-1)).toMatchObject({ event: 'done', data: { exit_code: 4 } })
  })

  test('keeps its latest output, and says how much is gone', async () => {
    const id = await create()
    const at = await begin(id, 'head -c 3000000 /dev/zero | tr "\\0" x; echo end')
    await soon(async () => (await call('GET', at)).json().status).toBe('succeeded')
    const { stdout, dropped, next_offset: next } = (await call('GET', `${at}/output`)).json()
    expect(next).toBe(3_000_004)
    expect(dropped + stdout.length).toBe(next)
    expect(stdout.length).toBeGreaterThan(200_000)
    expect(stdout.endsWith('xend\n')).toBe(true)
    const events = eventsIn((await call('GET', `${at}/output?offset=5`, undefined, EVENTS)).text)
    expect(events[0]).toEqual({
      event: 'dropped',
      data: { bytes: dropped - 5, next_offset: dropped },
    })
  })

  test('goes on after its session was on disk', async () => {
    const id = await create()
    const at = await begin(id, 'n=0; while read x; do n=$((n+1)); echo $n $x; done; exit 3')
    await call('POST', `${at}/stdin`, { text: 'one\n' })
    await soon(async () => (await call('GET', `${at}/output`)).json().stdout).toBe('1 one\n')
    expect((await call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
    // What is known of it does not wake the session.
    expect((await call('GET', at)).json().status).toBe('running')
    expect((await call('GET', `/${id}`)).json().state).toBe('hibernated')
    await call('POST', `${at}/stdin`, { text: 'two\n', close: true })
    await soon(async () => (await call('GET', at)).json()).toMatchObject({
      status: 'failed',
      exit_code: 3,
    })
    expect((await call('GET', `${at}/output`)).json().stdout).toBe('1 one\n2 two\n')
  })

  test('is refused beyond their number, and as a user that is not there', async () => {
    const id = await create()
    const started = await Promise.all(
      Array.from({ length: 66 }, () =>
        call('POST', `/${id}/commands`, { argv: ['sleep', '1000'], background: true }),
      ),
    )
    const refused = started.filter(({ status }) => status !== 201)
    expect(refused.length).toBeGreaterThanOrEqual(2)
    expect(refused[0]?.status).toBe(400)
    const one = `/${id}/commands/${started.find(({ status }) => status === 201)?.json().id}`
    await call('DELETE', one)
    await soon(() => command(id, 'echo fine')).toMatchObject({ stdout: 'fine\n' })
    expect((await call('POST', `/${id}/commands`, { command: 'id', user: 'root' })).status).toBe(
      403,
    )
    expect((await call('POST', `/${id}/commands`, { command: 'id', user: 'me' })).status).toBe(400)
  })
})
