import { describe, expect, test } from 'vitest'
import { ManagerError } from '../../src/errors.ts'
import { FakeRuns, KEY, keys, OTHER, openDoors, outcomeWith, useDoors } from '../support/door.ts'

/** LibreChat's door over runs that never happen. */
const ID = /^[\w-]{21}$/
const runs = new FakeRuns()
const door = useDoors(runs, { keys })

interface Ask {
  readonly method?: string
  readonly key?: string
  readonly body?: object | FormData | string
  readonly prefix?: string
}
const ask = async (
  path: string,
  { method, key = KEY, body, prefix = '/librechat/v1' }: Ask = {},
) => {
  const isForm = body instanceof FormData
  const isText = typeof body === 'string'
  const answer = await fetch(`${door.url}${prefix}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(key ? { 'x-api-key': key } : {}),
      ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: isForm || isText ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  const value: any = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text
  return { status: answer.status, value, headers: answer.headers }
}
const exec = (more: object = {}, key = KEY) =>
  ask('/exec', { key, body: { lang: 'py', code: 'x', user_id: 'u', ...more } })
const made = (path: string, content: string) => ({ path, content: Buffer.from(content) })

test.each(['/librechat', '/librechat/v1', `/k/${KEY}/librechat/v1`])(
  'with the prefix "%s" code runs',
  async (prefix) => {
    runs.end = async () => outcomeWith({ stdout: Buffer.from('1\n'), stderr: Buffer.from('w') })
    const key = prefix.startsWith('/k/') ? '' : KEY
    const { status, value } = await ask('/exec', {
      prefix,
      key,
      body: { lang: 'py', code: 'print("é")', args: ['a'], files: [], unknown: {} },
    })
    expect(status).toBe(200)
    expect(value).toMatchObject({ stdout: '1\n', stderr: 'w', files: [], code: 0 })
    expect(value.session_id).toMatch(ID)
    expect(runs.requests).toMatchObject([
      { caller: 'one', template: 'python', program: { mode: 'script', argv: ['a'] }, files: [] },
    ])
    expect(runs.requests[0]?.program.code.toString()).toBe('print("é")')
    expect((await ask('/health', { prefix, key: '' })).value).toBe('OK')
  },
)

describe('files', () => {
  test('that a program makes are kept, listed at every level, read, changed and deleted', async () => {
    runs.end = async () => outcomeWith({ files: [made('out/a b.csv', '1,2')] })
    const { session_id: session, files } = (await exec()).value
    expect(files).toMatchObject([
      { name: 'out/a b.csv', storage_session_id: session, session_id: session },
    ])
    const [{ id }] = files
    expect(id).toMatch(ID)

    const list = async (detail: string) =>
      (await ask(`/files/${session}?detail=${detail}`)).value[0]
    expect(await list('simple')).toBe('out/a b.csv')
    expect(await list('summary')).toMatchObject({ name: `${session}/${id}.csv`, size: 3 })
    expect(await list('full')).toMatchObject({
      metadata: { 'content-type': 'text/csv', 'original-filename': 'out/a b.csv' },
    })
    expect(await list('normalized')).toMatchObject({
      id,
      name: 'out/a b.csv',
      storage_session_id: session,
      contentType: 'text/csv',
    })
    const object = (await ask(`/sessions/${session}/objects/${id}?kind=user&id=u`)).value
    expect(object).toMatchObject({ originalFilename: 'out/a b.csv', size: 3, readOnly: false })
    expect(Number.isNaN(Date.parse(object.lastModified))).toBe(false)

    const read = await ask(`/download/${session}/${id}?kind=user&id=u`)
    expect(read.value).toBe('1,2')
    expect(read.headers.get('content-type')).toBe('text/csv')
    expect(read.headers.get('content-disposition')).toContain('attachment')

    // Both generations send them back under the name that they know.
    for (const name of ['storage_session_id', 'session_id']) {
      runs.requests.length = 0
      runs.end = async () => outcomeWith()
      const reference = { id, name: 'out/a b.csv', [name]: session }
      const again = (await exec({ files: [reference] })).value
      expect(runs.requests[0]?.files).toEqual([made('out/a b.csv', '1,2')])
      expect(again.files).toMatchObject([{ id, session_id: session, inherited: true }])
      runs.end = async () => outcomeWith({ files: [made('out/a b.csv', '3')] })
      const changed = (await exec({ files: [reference] })).value.files
      expect(changed).toMatchObject([{ modified_from: { id, session_id: session } }])
      expect(changed[0].id).not.toBe(id)
    }

    const gone = await ask(`/files/${session}/${id}`, { method: 'DELETE' })
    expect(gone.value).toEqual({
      message: 'File deleted successfully',
      session_id: session,
      fileId: id,
    })
    expect((await ask(`/download/${session}/${id}`)).status).toBe(404)
    runs.requests.length = 0
    await exec({ files: [{ id, name: 'a', session_id: session }] })
    expect(runs.requests[0]?.files).toEqual([])
  })

  test("another caller's are not there", async () => {
    runs.end = async () => outcomeWith({ files: [made('a.csv', 'secret')] })
    const { session_id: session, files } = (await exec()).value
    const [{ id }] = files
    for (const path of [`/download/${session}/${id}`, `/sessions/${session}/objects/${id}`]) {
      const { status, value } = await ask(path, { key: OTHER })
      expect([status, value.error]).toEqual([404, 'Not Found'])
    }
    expect((await ask(`/files/${session}`, { key: OTHER })).value).toEqual([])
    const deletion = await ask(`/files/${session}/${id}`, { key: OTHER, method: 'DELETE' })
    expect(deletion.status).toBe(404)
    runs.requests.length = 0
    await exec({ files: [{ id, name: 'a.csv', session_id: session }] }, OTHER)
    expect(runs.requests[0]?.files).toEqual([])
    expect((await ask(`/download/${session}/${id}`)).value).toBe('secret')
  })

  test('nothing is kept of a run that failed, but what was printed', async () => {
    const part = { exitCode: 1, stdout: Buffer.from('1'), files: [made('a.csv', '1')] }
    runs.end = async () => outcomeWith(part)
    expect((await exec()).value).toMatchObject({ stdout: '1', files: [], code: 1 })
    runs.end = async () => outcomeWith({ end: 'time', exitCode: null })
    expect((await exec()).value.stderr).toContain('time limit')
  })

  const form = (...names: string[]) => {
    const body = new FormData()
    body.append('kind', 'user')
    body.append('read_only', 'true')
    for (const name of names) body.append('file', new Blob(['1,2']), name)
    return body
  }

  test('are uploaded one by one or many at once, and given to a program', async () => {
    const one = await ask('/upload', { body: form('in/a.csv') })
    expect(one).toMatchObject({
      status: 200,
      value: { message: 'success', files: [{ filename: 'in/a.csv' }] },
    })
    const { storage_session_id: session, session_id, files } = one.value
    expect([session_id, ID.test(session), ID.test(files[0].fileId)]).toEqual([session, true, true])
    const reference = { id: files[0].fileId, name: 'in/a.csv', storage_session_id: session }
    await exec({ files: [{ ...reference, kind: 'user', resource_id: 'u' }] })
    expect(runs.requests[0]?.files).toEqual([made('in/a.csv', '1,2')])
    const object = await ask(`/sessions/${session}/objects/${files[0].fileId}`)
    expect(object.value.readOnly).toBe(true)

    const many = await ask('/upload/batch', { body: form('a.csv', '../b.csv') })
    expect(many).toMatchObject({
      status: 200,
      value: { message: 'partial_success', succeeded: 1, failed: 1 },
    })
    expect(many.value.files.map(({ status }: { status: string }) => status)).toEqual([
      'success',
      'error',
    ])
    expect((await ask('/upload/batch', { body: form('../b.csv') })).value.message).toBe('error')
    expect((await ask('/upload/batch', { body: form() })).status).toBe(400)
    expect(door.accounts.uploads.total).toBe(0)
  })
})

describe('what is refused is told in its words', () => {
  test.each<[string, object | string, number, unknown]>([
    ['another language', { lang: 'r', code: 'x' }, 400, 'Unsupported language: r'],
    ['no code', { lang: 'py' }, 400, 'code is required'],
    ['no JSON', '{', 400, expect.any(String)],
    ['a list', '[]', 400, expect.any(String)],
    [
      'a wrong file',
      { lang: 'py', code: '', files: [{ id: 'x', name: '../a' }] },
      400,
      'files.0.name is not valid',
    ],
    ['wrong files', { lang: 'py', code: '', files: 1 }, 400, 'files is not valid'],
  ])('%s', async (_name, body, status, error) => {
    const answer = await ask('/exec', { body })
    expect([answer.status, answer.value]).toEqual([status, { error }])
    expect(runs.requests).toEqual([])
    expect(door.accounts.uploads.total).toBe(0)
  })

  test('a wrong key, a body that is too large, a service that is busy', async () => {
    expect((await exec({}, 'wrong')).status).toBe(401)
    const large = await exec({ code: 'x'.repeat(17 * 1024 ** 2) })
    expect([large.status, large.value.error]).toEqual([413, 'File size limit exceeded'])
    runs.end = async () => Promise.reject(new ManagerError('POOL_BUSY', 'No executor is free.'))
    expect(await exec()).toMatchObject({ status: 503, value: { error: 'No executor is free.' } })
  })

  test('a rate', async () => {
    const rateLimit = { runs: 1, windowMs: 60_000 }
    const own = await openDoors(runs, { rateLimit })
    const post = () =>
      fetch(`${own.url}/librechat/exec`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ lang: 'py', code: 'x' }),
      })
    await post()
    const answer = await post()
    expect(answer.status).toBe(429)
    expect(await answer.json()).toMatchObject({
      error: 'rate_limited',
      retry_after_seconds: expect.any(Number),
    })
    await own.close()
  })
})

test('megabytes of code are read in a thread of their own', async () => {
  const code = `#${'\n'.repeat(1_000_000)}`
  expect((await exec({ code })).status).toBe(200)
  expect(runs.requests[0]?.program.code.toString()).toBe(code)
})
