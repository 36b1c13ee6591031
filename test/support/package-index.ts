import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

/** Makes a package, and writes its file to standard output. */
const MAKE_WHEEL = `
import io, sys, zipfile
name, version, code, requires = sys.argv[1:5]
out = io.BytesIO()
info = f"{name}-{version}.dist-info"
meta = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
meta += "".join(f"Requires-Dist: {r}\\n" for r in requires.split(",") if r)
files = {f"{name}/__init__.py": code, f"{info}/METADATA": meta,
         f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
files[f"{info}/RECORD"] = "".join(f"{f},,\\n" for f in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(out, "w") as archive:
    for path, text in files.items():
        archive.writestr(path, text)
sys.stdout.buffer.write(out.getvalue())
`
const MAKE_TAR = `
import io, json, sys, tarfile
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w:gz") as archive:
    for path, text in json.loads(sys.argv[1]).items():
        entry = tarfile.TarInfo(path)
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
sys.stdout.buffer.write(out.getvalue())
`
const indented = (text: string) => text.replace(/^(?=.)/gm, '    ')
const run = (script: string, ...args: string[]) =>
  execFileSync('python3', ['-c', script, ...args], { maxBuffer: 1 << 26 })

/** An index of pip and of npm on the loopback address, with packages of the test's own. */
export class PackageIndex {
  readonly #files = new Map<string, Buffer>()
  readonly #npm = new Map<string, Map<string, object>>()
  readonly #server = http.createServer(({ url = '' }, response) => this.#answer(url, response))
  url = ''

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** @param requires of other packages, with commas between */
  addWheel(name: string, version: string, code: string, requires = ''): void {
    const file = `${name}-${version}-py3-none-any.whl`
    this.#files.set(file, run(MAKE_WHEEL, name, version, code, requires))
  }

  /**
   * A source distribution that builds itself: `backend` is Python text of a PEP 517 back end, with a function
   * `wheel(folder, code)` at hand that writes the package's wheel and returns its name.
   */
  addSource(name: string, version: string, backend: string): void {
    const folder = `${name}-${version}`
    const meta = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`
    const files = {
      [`${folder}/PKG-INFO`]: meta,
      [`${folder}/pyproject.toml`]:
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
      [`${folder}/make_wheel.py`]: `def make(argv):\n    import sys\n    sys.argv = argv\n${indented(MAKE_WHEEL.replace('sys.stdout.buffer.write(out.getvalue())', 'return out.getvalue()'))}`,
      [`${folder}/backend.py`]: `import make_wheel
def wheel(folder, code):
    file = "${name}-${version}-py3-none-any.whl"
    open(f"{folder}/{file}", "wb").write(make_wheel.make(["", "${name}", "${version}", code, ""]))
    return file
${backend}`,
    }
    this.#files.set(`${folder}.tar.gz`, run(MAKE_TAR, JSON.stringify(files)))
  }

  addNpm(name: string, version: string, code: string): void {
    const manifest = { name, version, main: 'index.js' }
    const files = {
      'package/package.json': JSON.stringify(manifest),
      'package/index.js': code,
    }
    const tarball = run(MAKE_TAR, JSON.stringify(files))
    const file = `${name}-${version}.tgz`
    this.#files.set(file, tarball)
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const versions = this.#npm.get(name) ?? new Map<string, object>()
    this.#npm.set(name, versions)
    versions.set(version, {
      ...manifest,
      dist: { tarball: `${this.url}/files/${file}`, integrity },
    })
  }

  #answer(url: string, response: http.ServerResponse): void {
    const [, kind, name = ''] = /^\/(simple|npm|files)\/([^/]+)\/?$/.exec(url) ?? []
    if (kind === 'files' && this.#files.has(name)) {
      response.end(this.#files.get(name))
    } else if (kind === 'simple') {
      const links = [...this.#files.keys()]
        .filter((file) => file.startsWith(`${name.replaceAll('-', '_')}-`))
        .map((file) => `<a href="/files/${file}">${file}</a>`)
      response.writeHead(links.length > 0 ? 200 : 404, { 'content-type': 'text/html' })
      response.end(`<!DOCTYPE html><html><body>${links.join('\n')}</body></html>`)
    } else if (kind === 'npm' && this.#npm.has(name)) {
      const versions = Object.fromEntries(this.#npm.get(name) ?? [])
      const latest = Object.keys(versions).at(-1)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ name, versions, 'dist-tags': { latest } }))
    } else response.writeHead(404).end('{}')
  }
}
