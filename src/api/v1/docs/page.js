/** The reference page: shows /openapi.json, and runs a program with the events of its stream. */

const EXAMPLES = {
  python:
    'import time\nfor number in range(3):\n    print(number, flush=True)\n    time.sleep(0.3)\n',
  nodejs: 'for (const number of [0, 1, 2]) console.log(number)\n',
  bash: 'for number in 0 1 2; do echo $number; done\n',
}

const at = (id) => document.getElementById(id)

function element(name, text = '', ...children) {
  const made = document.createElement(name)
  made.textContent = text
  made.append(...children)
  return made
}

function keyHeaders() {
  const key = at('key').value
  return key === '' ? {} : { authorization: `Bearer ${key}` }
}

/** The type of a schema in a few words; links lead to named ones. */
function typeOf(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop()
    const link = element('a', name)
    link.href = `#${name}`
    return link
  }
  const parts = schema.anyOf ?? schema.oneOf
  if (parts) {
    return element(
      'span',
      '',
      ...parts.flatMap((part, i) => (i ? [' or ', typeOf(part)] : [typeOf(part)])),
    )
  }
  if (schema.type === 'array') return element('span', 'list of ', typeOf(schema.items ?? {}))
  if (schema.enum)
    return element('span', schema.enum.map((value) => JSON.stringify(value)).join(', '))
  return element('span', [schema.type ?? 'any'].flat().join(' or '))
}

function schemaTable(name, schema) {
  const head = element('h3', name)
  head.id = name
  const rows = Object.entries(schema.properties ?? {}).map(([member, part]) => {
    const isNeeded = (schema.required ?? []).includes(member)
    const byDefault = part.default === undefined ? '' : ` Default: ${JSON.stringify(part.default)}.`
    return element(
      'tr',
      '',
      element('td', '', element('code', member), isNeeded ? ' *' : ''),
      element('td', '', typeOf(part)),
      element('td', `${part.description ?? ''}${byDefault}`),
    )
  })
  const body = rows.length > 0 ? element('table', '', ...rows) : element('p', '', typeOf(schema))
  return element('div', '', head, element('p', schema.description ?? ''), body)
}

function operation(path, method, described) {
  const bodies = Object.entries(described.requestBody?.content ?? {}).map(([type, { schema }]) =>
    element('li', `body ${type}: `, typeOf(schema)),
  )
  const answers = Object.entries(described.responses).flatMap(
    ([status, { description, content }]) =>
      Object.entries(content ?? { '': { schema: {} } }).map(([type, { schema }]) =>
        element('li', `${status} ${type}: ${description} `, typeOf(schema)),
      ),
  )
  return element(
    'div',
    '',
    element('h2', `${method.toUpperCase()} ${path}`),
    element('p', `${described.summary}. ${described.description ?? ''}`),
    element('ul', '', ...bodies, ...answers),
  )
}

async function showReference() {
  const api = await (await fetch('/openapi.json')).json()
  at('about').textContent = `${api.info.description} Version ${api.info.version}.`
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      at('operations').append(operation(path, method, described))
    }
  }
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    at('schemas').append(schemaTable(name, schema))
  }
}

async function showLanguages() {
  const response = await fetch('/v1/templates', { headers: keyHeaders() })
  const { templates = [] } = response.ok ? await response.json() : {}
  const names = templates.length > 0 ? templates.map(({ name }) => name) : Object.keys(EXAMPLES)
  const chosen = at('language').value
  at('language').replaceChildren(...names.map((name) => element('option', name)))
  if (names.includes(chosen)) at('language').value = chosen
}

function showExample() {
  const isOwn = !['', ...Object.values(EXAMPLES)].includes(at('code').value)
  if (!isOwn) at('code').value = EXAMPLES[at('language').value] ?? ''
}

/** Events of a stream, as [name, data]. */
async function* eventsOf(response) {
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const blocks = text.split('\n\n')
    text = blocks.pop()
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]),
      )
      if (fields.has('event')) yield [fields.get('event'), JSON.parse(fields.get('data'))]
    }
  }
}

let caller = new AbortController()

async function run() {
  caller = new AbortController()
  at('output').replaceChildren()
  at('outcome').textContent = ''
  const mode = at('mode').value
  const body = {
    language: at('language').value,
    mode,
    code: at('code').value,
    ...(mode === 'function' ? { arguments: JSON.parse(at('arguments').value) } : {}),
    ...(at('stdin').value === '' ? {} : { stdin: at('stdin').value }),
  }
  const response = await fetch('/v1/runs', {
    method: 'POST',
    headers: { ...keyHeaders(), 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify(body),
    signal: caller.signal,
  })
  if (!response.ok) {
    at('outcome').textContent = JSON.stringify(await response.json(), null, 2)
    return
  }
  for await (const [name, data] of eventsOf(response)) {
    if (name === 'stdout' || name === 'stderr') {
      const piece = element('span', data.text)
      piece.className = name
      at('output').append(piece)
    }
    if (name === 'done' || name === 'error')
      at('outcome').textContent = JSON.stringify(data, null, 2)
  }
}

at('try').addEventListener('submit', async (event) => {
  event.preventDefault()
  at('stop').disabled = false
  await run().catch((error) => {
    at('outcome').textContent = String(error)
  })
  at('stop').disabled = true
})
at('stop').addEventListener('click', () => caller.abort())
at('language').addEventListener('change', showExample)
at('key').addEventListener('change', () => void showLanguages())
await showLanguages()
showExample()
await showReference()
