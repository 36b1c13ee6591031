import type { OfferedTemplate } from '../v1/service.ts'
import type { KernelLanguage } from './replies.ts'

/** A kernel that can be started. */
export interface KernelSpec {
  readonly name: string
  readonly template: OfferedTemplate
  /** What a session calls its language; undefined: its first one. */
  readonly language: string | undefined
  readonly info: KernelLanguage
}

type Known = Omit<KernelLanguage, 'version'> & { readonly kernel: string }

const PYTHON: Known = {
  ...{ kernel: 'python3', name: 'python', mimetype: 'text/x-python', extension: '.py' },
  more: {
    pygments_lexer: 'ipython3',
    nbconvert_exporter: 'python',
    codemirror_mode: { name: 'ipython', version: 3 },
  },
}
const JAVASCRIPT: Known = {
  ...{ kernel: 'javascript', name: 'javascript', mimetype: 'text/javascript', extension: '.js' },
  more: { pygments_lexer: 'javascript', codemirror_mode: 'javascript' },
}
const TYPESCRIPT: Known = {
  ...{ kernel: 'typescript', name: 'typescript', mimetype: 'text/typescript', extension: '.ts' },
  more: { pygments_lexer: 'typescript', codemirror_mode: 'text/typescript' },
}
const BASH: Known = {
  ...{ kernel: 'bash', name: 'bash', mimetype: 'text/x-sh', extension: '.sh' },
  more: { pygments_lexer: 'bash', codemirror_mode: 'shell' },
}

/** Languages of a runtime, the main one first, with the names of kernels that clients of Jupyter know. */
const LANGUAGES: Readonly<Record<string, readonly Known[]>> = {
  python: [PYTHON],
  nodejs: [JAVASCRIPT, TYPESCRIPT],
  bash: [BASH],
}

/** Kernels by name; Python, which clients take by default, first. */
export function kernelSpecs(
  templates: readonly OfferedTemplate[],
): ReadonlyMap<string, KernelSpec> {
  const specs = templates.flatMap(specsOf).map((spec) => [spec.name, spec] as const)
  const isPython = ([name]: (typeof specs)[number]) => name === PYTHON.kernel
  return new Map([...specs.filter(isPython), ...specs])
}

function specsOf(template: OfferedTemplate): KernelSpec[] {
  const [runtime = template.name] = template.languages
  const version = template.version ?? ''
  const known = LANGUAGES[runtime]
  if (!known) {
    const info = { name: runtime, mimetype: 'text/plain', extension: '.txt', version }
    return [{ name: template.name, template, language: undefined, info }]
  }
  const isRuntime = runtime === template.name
  return known.slice(0, isRuntime ? undefined : 1).map(({ kernel, ...info }) => ({
    name: isRuntime ? kernel : template.name,
    template,
    language: info.name,
    info: { ...info, version },
  }))
}

/** Returns a kernelspec, as `GET /api/kernelspecs` lists it. */
export function toldSpec({ name, template, info }: KernelSpec) {
  const isRuntime = template.languages[0] === template.name
  const words = [info.name, info.version, isRuntime ? '' : `(${template.name})`]
  return {
    name,
    spec: {
      argv: [],
      env: {},
      display_name: words.filter(Boolean).join(' '),
      language: info.name,
      interrupt_mode: 'message',
      metadata: {},
    },
    resources: {},
  }
}
