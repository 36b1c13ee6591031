import { expect, onTestFinished, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { useManager } from '../support/manager.ts'

const client = useManager({ runtimes: ['python', 'nodejs', 'bash'], sessionsPerCaller: 8 })

async function call(method: string, path: string, body?: object) {
  const init: RequestInit = { method }
  if (body) {
    init.body = JSON.stringify(body)
    init.headers = { 'content-type': 'application/json' }
  }
  const response = await fetch(`${client.url}/v1/sessions${path}`, init)
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

async function create(): Promise<string> {
  const { status, body } = await call('POST', '', { template: 'workspace' })
  expect(body).toMatchObject({ template: 'workspace', state: 'ready' })
  expect(status).toBe(201)
  onTestFinished(async () => void (await call('DELETE', `/${body.id}`)))
  return body.id
}

async function say(id: string, command: string) {
  const { body } = await call('POST', `/${id}/commands`, { command })
  return `${body.stdout}${body.stderr}${body.exit_code ? `[${body.exit_code}]` : ''}`.trim()
}

// The first session builds the image.
test('the workspace has the tools of a person', { timeout: scaledMs(900_000) }, async () => {
  const began = performance.now()
  const id = await create()
  console.log(`first session after ${Math.round(performance.now() - began)} ms`)
  expect(await say(id, 'pwd; id -un; echo $HOME; touch x; ls -l x | cut -d" " -f3')).toBe(
    '/home/user\nuser\n/home/user\nuser',
  )
  expect(await say(id, 'sudo id -un; sudo -n sh -c "exit 7"')).toBe('root\n[7]')
  expect(await say(id, 'echo in | sudo tee /etc/made; cat /etc/made; rm /etc/made')).toContain(
    "rm: cannot remove '/etc/made': Permission denied",
  )
  expect(await say(id, 'sudo -u user id -un; sudo A=b env | grep ^A=; sudo nothing')).toBe(
    'user\nA=b\nsudo: nothing: command not found\n[127]',
  )
  expect(await say(id, 'cp /bin/true /usr/local/bin/mine && mine && echo writable')).toBe(
    'writable',
  )
  expect(await say(id, 'cp /bin/true /usr/bin/mine')).toContain('Permission denied')
  expect(
    await say(
      id,
      `cat > x.c <<< '#include <stdio.h>
int main(void) { puts("compiled"); }' && cc -o x x.c && ./x && printf 'all:\\n\\techo made\\n' > Makefile && make -s`,
    ),
  ).toBe('compiled\nmade')
  expect(
    await say(
      id,
      'git init -q r && cd r && git config user.email a@b && git config user.name a && echo 1 > f && git add f && git commit -qm one && git log --format=%s',
    ),
  ).toBe('one')
  expect(
    await say(
      id,
      'node -e "console.log(1+1)"; python3 -c "import pandas; print(2)"; npm --version',
    ),
  ).toMatch(/^2\n2\n\d+\./)
  expect(
    await say(
      id,
      'vim --version | head -1; ps -o comm= -p $$; python -m venv v && v/bin/pip --version',
    ),
  ).toMatch(/^VIM .*\n\w+\npip /)
  // Without an index: a package from a folder, to the user's home.
  const made = `mkdir -p p/tiny && echo 'word = "installed"' > p/tiny/__init__.py
printf '[project]\\nname = "tiny"\\nversion = "1"\\n[build-system]\\nrequires = ["setuptools"]\\nbuild-backend = "setuptools.build_meta"\\n[tool.setuptools]\\npackages = ["tiny"]\\n' > p/pyproject.toml
pip install -q --no-build-isolation --no-index ./p 2>&1; cd /; python3 -c 'import tiny; print(tiny.word, tiny.__file__)'`
  expect(await say(id, made)).toContain('installed /home/user/.local/lib')
  const npm = `mkdir -p m && cd m && echo '{"name":"tiny","version":"1.0.0","bin":"x.js"}' > package.json
printf '#!/usr/bin/env node\\nconsole.log("from npm")\\n' > x.js
npm install -g --offline --no-audit --no-fund "$(npm pack --silent)" > /dev/null && tiny`
  expect(await say(id, npm)).toBe('from npm')
})

test('its root survives on disk, and it runs all languages', {
  timeout: scaledMs(300_000),
}, async () => {
  const id = await create()
  expect(await say(id, 'echo kept | sudo tee /opt/file > /dev/null; sudo useradd x')).toContain(
    'not found',
  )
  for (const [language, code, result] of [
    ['python', 'x = 40', ''],
    ['python', 'print(x + 2)', '42\n'],
    ['javascript', 'console.log(6 * 7)', '42\n'],
    ['bash', 'echo $((6 * 7)); whoami', '42\nuser\n'],
  ]) {
    const { body } = await call('POST', `/${id}/runs`, { language, code })
    expect(body).toMatchObject({ status: 'succeeded', stdout: result })
  }
  expect((await call('POST', `/${id}/pause`)).body.state).toBe('hibernated')
  expect(await say(id, 'cat /opt/file; sudo id -un')).toBe('kept\nroot')
  const { body } = await call('POST', `/${id}/runs`, { language: 'python', code: 'print(x)' })
  expect(body).toMatchObject({ status: 'succeeded', stdout: '40\n' })
})
