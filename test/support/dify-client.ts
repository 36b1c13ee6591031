/** A client as Dify's API is one: what it sends, and what it makes of the answer. */
export interface DifyTarget {
  /** CODE_EXECUTION_ENDPOINT */
  readonly endpoint: string
  /** CODE_EXECUTION_API_KEY */
  readonly key: string
}

export interface DifyAnswer {
  readonly code: number
  readonly message: string
  readonly data: { stdout: string; stderr: string; error: string; exit_code: number } | null
}

/** Sends code as it is. */
export async function askDify(
  { endpoint, key }: DifyTarget,
  language: string,
  code: string,
  preload = '',
): Promise<{ status: number; body: DifyAnswer }> {
  const response = await fetch(`${endpoint}/v1/sandbox/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify({ language, code, preload, enable_network: true }),
  })
  return { status: response.status, body: (await response.json()) as DifyAnswer }
}

/** Runs code and gives its output. @throws Error with what the node would show */
export async function executeCode(
  target: DifyTarget,
  language: string,
  code: string,
  preload?: string,
): Promise<string> {
  const { status, body } = await askDify(target, language, code, preload)
  if (status === 503) throw new Error('Code execution service is unavailable')
  if (status !== 200) throw new Error(`likely a network issue (status ${status} from sandbox)`)
  if (body.code !== 0)
    throw new Error(`Got error code: ${body.code}. Got error msg: ${body.message}`)
  if (body.data?.error) throw new Error(body.data.error)
  return body.data?.stdout ?? ''
}

const TAG = '<<RESULT>>'

/** Runs a node's `main` with inputs, in the wrapping that Dify puts around it. */
export async function executeTemplate(
  target: DifyTarget,
  language: 'python3' | 'javascript' | 'jinja2',
  code: string,
  inputs: object,
): Promise<unknown> {
  const base64 = Buffer.from(JSON.stringify(inputs)).toString('base64')
  const script = SCRIPTS[language](code, base64)
  const stdout = await executeCode(
    target,
    language === 'javascript' ? 'nodejs' : 'python3',
    script,
    language === 'jinja2' ? 'import jinja2\njinja2.Template("").render()' : '',
  )
  const result = new RegExp(`${TAG}(.*)${TAG}`, 's').exec(stdout)?.[1]
  if (result === undefined) throw new Error('Failed to parse result')
  return language === 'jinja2' ? result : JSON.parse(result)
}

const SCRIPTS = {
  python3: (code: string, inputs: string) => `${code}

import json
from base64 import b64decode

inputs_obj = json.loads(b64decode('${inputs}').decode('utf-8'))
output_obj = main(**inputs_obj)
output_json = json.dumps(output_obj, indent=4)
print(f'''${TAG}{output_json}${TAG}''')
`,
  javascript: (code: string, inputs: string) => `${code}

var inputs_obj = JSON.parse(Buffer.from('${inputs}', 'base64').toString('utf-8'))
var output_obj = main(inputs_obj)
var output_json = JSON.stringify(output_obj)
console.log(\`${TAG}\${output_json}${TAG}\`)
`,
  jinja2: (code: string, inputs: string) => `import json
from base64 import b64decode
import jinja2

def main(**inputs):
    text = b64decode('${Buffer.from(code).toString('base64')}').decode('utf-8')
    return jinja2.Template(text).render(**inputs)

inputs_obj = json.loads(b64decode('${inputs}').decode('utf-8'))
print(f'''${TAG}{main(**inputs_obj)}${TAG}''')
`,
} as const
