import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { IndexGateway } from '../../src/templates/index-gateway.ts'
import { rewritePage } from '../../src/templates/index-pages.ts'
import { parsePipConfig } from '../../src/templates/index-settings.ts'

const from = new URL('http://index.test/simple/a/')
const shown = (link: URL) => `<${link.href}>`

test('links of a page of PEP 503 are made absolute and rewritten, with their hash', () => {
  const page =
    '<a href="../../files/a-1.whl#sha256=00">a</a> <A class=x HREF=\'b.whl?x=1&amp;y=2\'>b</A>'
  const got = rewritePage(page, 'text/html', from, shown)
  expect(got).toContain('"<http://index.test/files/a-1.whl#sha256=00>"')
  expect(got).toContain("'<http://index.test/simple/a/b.whl?x=1&amp;y=2>'")
})

test('other links stay, and lead nowhere', () => {
  const page = '<a href="file:///etc/passwd">a</a>'
  expect(rewritePage(page, 'text/html', from, shown)).toBe(page)
})

test("tarballs of a registry's page are rewritten", () => {
  const page = '{"dist": {"tarball" : "http://other.test/a-1.tgz", "shasum": "00"}}'
  const got = JSON.parse(rewritePage(page, 'application/json', from, shown))
  expect(got.dist.tarball).toBe('<http://other.test/a-1.tgz>')
})

test("pip's settings: the environment counts before files", () => {
  const list = "global.index-url='http://a/'\n:env:.index-url='http://b/'\nglobal.cert='/x'\n"
  expect(parsePipConfig(list)).toEqual({ 'index-url': 'http://b/', cert: '/x' })
})

describe('the gateway', () => {
  let folder = ''
  let index: http.Server
  let gateway: IndexGateway
  const asked: { path: string; authorization: string | undefined }[] = []

  beforeEach(async () => {
    asked.length = 0
    folder = mkdtempSync(path.join(tmpdir(), 'gateway-'))
    index = http.createServer(({ url = '', headers }, response) => {
      asked.push({ path: url, authorization: headers.authorization })
      if (url === '/simple/a/') {
        response.setHeader('content-type', 'text/html')
        response.end('<a href="/files/a-1.whl">a-1.whl</a>')
      } else response.end(`content of ${url}`)
    })
    await new Promise<void>((resolve) => index.listen(0, '127.0.0.1', resolve))
    const { port } = index.address() as AddressInfo
    const settings = { urls: [`http://me:secret@127.0.0.1:${port}/simple/`], certificates: null }
    gateway = await IndexGateway.listen(settings, path.join(folder, 's'))
  })
  afterEach(async () => {
    await gateway.close()
    index.close()
    rmSync(folder, { recursive: true })
  })

  const get = (target: string, method = 'GET') =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const options = { socketPath: path.join(folder, 's'), path: target, method }
      const request = http.request(options, async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve({ status: response.statusCode ?? 0, text })
      })
      request.on('error', reject).end()
    })

  test('shows pages and the files that they link to, and keeps the password', async () => {
    const page = await get('/index/0/a/')
    expect(page.status).toBe(200)
    expect(page.text).not.toContain('secret')
    const link = /href="http:\/\/[^/"]+([^"]+)"/.exec(page.text)?.[1] ?? ''
    expect(await get(link)).toEqual({ status: 200, text: 'content of /files/a-1.whl' })
    expect((await get(`${link}.metadata`)).text).toBe('content of /files/a-1.whl.metadata')
    const password = `Basic ${Buffer.from('me:secret').toString('base64')}`
    expect(asked.map(({ authorization }) => authorization)).toEqual([password, password, password])
  })

  test.each([
    '/',
    '/index/1/a/',
    '/index/0/../private',
    '/index/0/%2e%2e/private',
    '/index/0//other.test/',
    `/file/${'0'.repeat(64)}/${Buffer.from('http://127.0.0.1/').toString('base64url')}/x`,
    'http://127.0.0.1/private',
  ])('refuses %s', async (target) => {
    expect((await get(target)).status).toBe(403)
    expect(asked).toEqual([])
  })

  test('takes no uploads', async () => {
    expect((await get('/index/0/a/', 'POST')).status).toBe(405)
  })
})
