/**
 * Reads the operator's templates: each is a folder with a `template.yaml`, below `templates/` of the project or of
 * the data folder. A template is a runtime with libraries, files, limits and a network policy of its own.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { ManagerError } from '../errors.ts'
import { MIB } from '../lib/units.ts'
import type { RunLimits } from '../run/types.ts'
import type { Runtime } from '../runtimes/definition.ts'
import { checkManifest } from './manifest.ts'

const NAME = /^[a-z][a-z0-9-]{0,31}$/
const MAX_FILE_BYTES = 256 * MIB
const DEFINITION_FILE = 'template.yaml'

const positive = z.number().int().positive()
const relativePath = z
  .string()
  .regex(/^[\w.@+-]+(\/[\w.@+-]+)*$/, 'must be a path of plain names within the folder')
  .refine((path) => !path.split('/').includes('..'), 'must not contain ..')

const definitionSchema = z.strictObject({
  /** The runtime that it is made of: the name of a folder of runtimes/. */
  runtime: z.string(),
  /** For callers: what it is for. */
  description: z.string().max(1000).optional(),
  /** Debian packages, of the release that the runtime's image is made of. */
  packages: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'must be a Debian package name'))
    .max(200)
    .default([]),
  /** Files and folders of the template's folder, by where they are put in the sandbox. */
  files: z
    .record(
      z
        .string()
        .regex(
          /^\/(opt|srv|usr\/local\/share)(\/[\w.@+-]+)+$/,
          'must be below /opt, /srv or /usr/local/share',
        )
        .refine((path) => !path.split('/').includes('..'), 'must not contain ..'),
      relativePath,
    )
    .default({}),
  /** Modules that are loaded beforehand, in place of the runtime's heavy ones. */
  preload: z.array(z.string().regex(/^[\w@][\w./@-]*$/, 'must be the name of a module')).optional(),
  /** Executors that are kept ready; 0: they are made when a run asks for one. */
  pool: z.number().int().min(0).max(1000).default(0),
  /** What differs from the limits of the service. */
  limits: z
    .strictObject({
      wall_ms: positive.max(3_600_000).optional(),
      memory_mb: positive.optional(),
      workspace_mb: positive.optional(),
      processes: positive.max(4096).optional(),
      output_bytes: positive.optional(),
      cpus: z.number().positive().max(64).optional(),
    })
    .default({}),
  /** Made for sessions alone: no runs are executed in it, and it is built when a session asks for it first. */
  session: z
    .strictObject({
      /** Whether callers may be root inside: a writable root file system, and sudo. */
      root: z.boolean().default(false),
      /** Further runtimes whose programs are there. */
      languages: z.array(z.string()).max(16).default([]),
      /** A folder of the template's with the package.json and package-lock.json of what is installed globally. */
      npm: relativePath.optional(),
    })
    .optional(),
  /** `none`: no network, whatever the service has. By default the network of the service. */
  network: z.enum(['none', 'egress']).optional(),
})

export type TemplateDefinition = z.infer<typeof definitionSchema>

/** A template as its folder describes it. */
export interface Template extends TemplateDefinition {
  readonly name: string
  /** Absolute path of its folder. */
  readonly folder: string
  readonly base: Runtime
  /** The file that names its libraries, one of the runtime's manifests; null: it has none of its own. */
  readonly manifest: string | null
}

/** Returns the folders that hold templates, those of the data folder first. */
export function templateFolders(projectDir: string, home: string): string[] {
  return [join(home, 'templates'), join(projectDir, 'templates')]
}

/** Returns the names of all templates that are described, sorted; nothing is read of them. */
export function templateNames(folders: readonly string[]): string[] {
  const names = folders.flatMap((folder) =>
    namesIn(folder).filter((name) => existsSync(join(folder, name, DEFINITION_FILE))),
  )
  return [...new Set(names)].sort()
}

/**
 * Reads one template.
 * @param folders where to look; the first that has it counts
 * @throws ManagerError TEMPLATE_INVALID that names the file and the field
 */
export function loadTemplate(
  name: string,
  folders: readonly string[],
  runtimes: readonly Runtime[],
): Template {
  const parent = folders.find((folder) => existsSync(join(folder, name, DEFINITION_FILE)))
  if (!NAME.test(name) || parent === undefined) {
    const known = templateNames(folders).join(', ') || 'none'
    const where = folders.join(' and ')
    throw new ManagerError(
      'TEMPLATE_INVALID',
      `There is no template ${JSON.stringify(name)} in ${where}; there are: ${known}. A name is lower case letters, digits and -.`,
    )
  }
  const folder = join(parent, name)
  const file = join(folder, DEFINITION_FILE)
  const taken = runtimes.find((runtime) => [runtime.name, ...runtime.aliases].includes(name))
  if (taken) throw invalid(file, `the folder's name is that of the runtime ${taken.name}`)
  const definition = parseTemplate(readText(file), file)
  const base = runtimes.find((runtime) => runtime.name === definition.runtime)
  if (!base) {
    const known = runtimes.map((runtime) => runtime.name).join(', ')
    throw invalid(file, `runtime: there is no runtime "${definition.runtime}"; there are ${known}`)
  }
  for (const [place, source] of Object.entries(definition.files)) {
    if (!existsSync(join(folder, source))) {
      throw invalid(file, `files.${place}: ${source} is not in the folder`)
    }
  }
  for (const language of definition.session?.languages ?? []) {
    if (!runtimes.some((runtime) => runtime.name === language)) {
      throw invalid(file, `session.languages: there is no runtime "${language}"`)
    }
  }
  const manifest = base.libraries?.manifests.find((one) => existsSync(join(folder, one))) ?? null
  if (manifest !== null) checkManifest(base.libraries?.index, join(folder, manifest))
  return { ...definition, name, folder, base, manifest }
}

/**
 * Checks the text of a template.yaml.
 * @param file only for the message
 * @throws ManagerError TEMPLATE_INVALID that names the field
 */
export function parseTemplate(text: string, file: string): TemplateDefinition {
  let yaml: unknown
  try {
    yaml = parse(text)
  } catch (cause) {
    throw invalid(file, `is not YAML: ${(cause as Error).message.split('\n')[0]}`, cause)
  }
  const parsed = definitionSchema.safeParse(yaml)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.join('.') || 'the top level'
  const message = issue?.code === 'invalid_key' ? issue.issues[0]?.message : issue?.message
  throw invalid(file, `${field}: ${message ?? 'is not valid'}`)
}

/** Returns the limits of the template, in the core's words; what it does not set is absent. */
export function limitsOfTemplate({
  limits,
}: Pick<TemplateDefinition, 'limits'>): Partial<RunLimits> {
  const { wall_ms, memory_mb, workspace_mb, processes, output_bytes, cpus } = limits
  const all = {
    wallTimeMs: wall_ms,
    memoryBytes: memory_mb && memory_mb * MIB,
    workspaceBytes: workspace_mb && workspace_mb * MIB,
    processes,
    outputBytes: output_bytes,
    cpus,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** Returns the runtime that the template's executors are made of. */
export function runtimeOfTemplate({ name, base, preload, packages }: Template): Runtime {
  const { lean: _, rich: __, ...rest } = base
  const light = base.preload.filter((module) => !base.lean?.without.includes(module))
  return {
    ...rest,
    name,
    aliases: [],
    image: { ...base.image, packages: [...base.image.packages, ...packages] },
    preload: preload ? [...light, ...preload] : base.preload,
  }
}

function readText(file: string): string {
  if (statSync(file).size > MIB) throw invalid(file, 'is larger than 1 MiB')
  return readFileSync(file, 'utf8')
}

/**
 * Lists the files of a folder.
 * @returns the paths of all files below `source`, which may be one itself, relative to it; sorted
 */
export function filesBelow(source: string): string[] {
  if (!statSync(source).isDirectory()) return ['']
  const names = readdirSync(source, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile())
  let bytes = 0
  for (const entry of files) bytes += statSync(join(entry.parentPath, entry.name)).size
  if (bytes > MAX_FILE_BYTES) throw invalid(source, `holds more than ${MAX_FILE_BYTES} bytes`)
  return files.map((entry) => join(entry.parentPath, entry.name).slice(source.length + 1)).sort()
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

function invalid(file: string, problem: string, cause?: unknown): ManagerError {
  return new ManagerError('TEMPLATE_INVALID', `${file}: ${problem}`, { cause })
}
