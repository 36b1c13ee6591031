/**
 * Reads the languages: each is one folder under `runtimes/`, described by its `runtime.json`. A new language is a new
 * folder; no code outside of it may depend on its name.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { ManagerError } from '../errors.ts'

/** A plain file name: it can never point outside the folder it is used in. */
const fileName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, 'must be a plain file name')
const debianPackage = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'must be a Debian package name')
/** An absolute path inside the image; `*`, `**`, `?` and `[...]` as in bash. No `..`. */
const imagePath = z
  .string()
  .regex(/^\/[\w.*?[\]/+-]+$/, 'must be an absolute path or pattern')
  .refine((path) => !path.split('/').includes('..'), 'must not contain ..')
const runtimeName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/)
const positiveInteger = z.number().int().positive()

const imageSchema = z.strictObject({
  /** Debian release the image is made of. */
  suite: z.string().regex(/^[a-z]+$/),
  packages: z.array(debianPackage),
  /** Hard dependencies that nobody here needs: an empty dummy package takes their place. */
  omitPackages: z.array(debianPackage).default([]),
  /** Debian packages whose files are deleted once everything is installed. */
  removePackages: z.array(debianPackage).default([]),
  /**
   * A package-lock.json of the runtime's folder, its package.json beside it. What it locks is installed
   * under /usr/local/lib/node_modules; Node.js itself becomes /usr/local/bin/node.
   */
  npmLock: fileName.optional(),
  /** A pip requirements file of the runtime's folder that names every package with its hashes. */
  pipLock: fileName.optional(),
  /** Files of the runtime's folder that are put into the image before `finish`, by their place in it. */
  files: z.record(imagePath, fileName).default({}),
  /** C files of the folder, compiled on the host into the guest folder. */
  native: z
    .array(
      z.strictObject({
        source: fileName,
        output: fileName,
        flags: z.array(z.string()).default(['-O2', '-shared', '-fPIC']),
      }),
    )
    .default([]),
  /** Deleted from the root file system. */
  prune: z.array(imagePath).default([]),
  /** Shell commands run as root inside the image, after the packages. */
  finish: z.array(z.string()).default([]),
  /** Shell commands run as uid 65534 inside the finished image; a failing one fails the build. */
  check: z.array(z.string()).default([]),
  /** The build fails when the image is larger. */
  maxBytes: positiveInteger.optional(),
})

const definitionSchema = z.strictObject({
  /** Further names a request may use as `language`. */
  aliases: z.array(runtimeName).default([]),
  /** "function": the code defines main; "script": no main, what it prints is the result. */
  mode: z.enum(['function', 'script']),
  /** Name the user's code bears in its working directory. */
  sourceFile: fileName,
  image: imageSchema,
  /** argv of the runner; `{guest}` stands for the guest folder in the image. */
  runner: z.array(z.string().min(1)).min(1),
  /** Files of the runtime's folder that are put into the guest folder. */
  runnerFiles: z.array(fileName).default([]),
  /**
   * argv of a program that is run in the image, as root, when the guest is installed, with the names of
   * `preload` behind it: for what the runner wants made beforehand. `{guest}` as in `runner`.
   */
  prepare: z.array(z.string().min(1)).min(1).optional(),
  /** Processes in which a session runs one program after the other, by language. */
  kernels: z
    .record(
      runtimeName,
      z.strictObject({
        /** Further names a request may use as `language`. */
        aliases: z.array(runtimeName).default([]),
        /** argv; `{guest}` as in `runner`. */
        start: z.array(z.string().min(1)).min(1),
        modes: z.array(z.enum(['cell', 'script', 'function'])).min(1),
        /** Whether each program can have a standard input of its own. */
        takesStdin: z.boolean().default(false),
        /** Whether it answers questions about code: what may follow, what a name is. */
        answers: z.boolean().default(false),
        /** Whether a program can set variables of the environment for all after it. */
        takesEnv: z.boolean().default(false),
        /** What is written to its standard input for each program. */
        call: z.string().default(''),
      }),
    )
    .default({}),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).default({}),
  /** Modules the runner loads before any request. */
  preload: z.array(z.string()).default([]),
  /**
   * A leaner executor for programs that need few libraries: `without` names the modules of `preload` that
   * it does not load, `names` the words of which a program that needs them contains one. This is a hint:
   * a program that needs such a module after all imports it, which takes longer.
   */
  lean: z
    .strictObject({
      without: z.array(z.string()).min(1),
      names: z.array(z.string().min(1)).min(1),
    })
    .optional(),
  /**
   * A richer executor for programs that need certain libraries, which take long to load: `with` names the modules
   * that it loads beside those of `preload`, `names` the words of which a program that needs them contains one. A
   * hint as `lean` is.
   */
  rich: z
    .strictObject({
      with: z.array(z.string()).min(1),
      names: z.array(z.string().min(1)).min(1),
    })
    .optional(),
  /** How a template of this runtime gets libraries of its own. */
  libraries: z
    .strictObject({
      /** Files of a template's folder that name libraries; the first that is there counts. */
      manifests: z.array(fileName).min(1),
      /** Whose protocol the package index speaks, and whose settings of the host say where it is. */
      index: z.enum(['pip', 'npm']),
      /** A lock file of the runtime's folder with what installs: as `pipLock` or `npmLock`, by `index`. */
      tools: z.string().regex(/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/, 'must be a file of the folder'),
      /** argv of the program that installs, in a sandbox; `{guest}` stands for the folder of `files`. */
      install: z.array(z.string().min(1)).min(1),
      files: z.array(fileName),
      /** Where the libraries are put; nothing of a library lies anywhere else. */
      folder: imagePath,
    })
    .optional(),
  /** A program for trying out an executor, and what it must answer. */
  probe: z.strictObject({
    code: z.string(),
    /** JSON text of the result, as the runner writes it ("function" mode). */
    result: z.string().nullable().default(null),
    stdout: z.string().default(''),
  }),
  /** What differs from the manager's limits for this language. */
  limits: z
    .strictObject({
      memoryBytes: positiveInteger.optional(),
      cpus: z.number().positive().optional(),
      processes: positiveInteger.optional(),
      workspaceBytes: positiveInteger.optional(),
    })
    .default({}),
})

export type ImageRecipe = z.infer<typeof imageSchema>
export type RuntimeDefinition = z.infer<typeof definitionSchema>
export type Runtime = RuntimeDefinition & {
  /** The folder's name: what a request says as `language`. */
  name: string
  /** Absolute path of the runtime's folder. */
  folder: string
}

const DEFINITION_FILE = 'runtime.json'

/**
 * Reads all runtimes of a folder, sorted by name.
 * @throws ManagerError RUNTIME_INVALID when one of them is wrong
 */
export function loadRuntimes(runtimesDir: string): Runtime[] {
  const root = resolve(runtimesDir)
  const runtimes = foldersWithDefinition(root).map((name) => loadRuntime(join(root, name), name))
  if (runtimes.length === 0) throw invalid(root, 'holds no runtime folder')
  refuseSharedNames(runtimes)
  return runtimes
}

/** Checks one parsed runtime.json; `file` is only for the message. */
export function parseDefinition(json: unknown, file: string): RuntimeDefinition {
  const parsed = definitionSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.join('.') || 'the top level'
  throw invalid(file, `${field}: ${issue?.message ?? 'is not valid'}`)
}

function foldersWithDefinition(root: string): string[] {
  let entries: string[]
  try {
    entries = readdirSync(root)
  } catch (cause) {
    throw invalid(root, 'cannot be read', cause)
  }
  return entries.filter((name) => hasDefinition(join(root, name))).sort()
}

function hasDefinition(folder: string): boolean {
  try {
    return readdirSync(folder).includes(DEFINITION_FILE)
  } catch {
    return false
  }
}

function loadRuntime(folder: string, name: string): Runtime {
  const file = join(folder, DEFINITION_FILE)
  if (!runtimeName.safeParse(name).success) {
    throw invalid(file, `the folder's name "${name}" must match [a-z][a-z0-9-]{0,31}`)
  }
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw invalid(file, `is not JSON: ${(cause as Error).message}`, cause)
  }
  return { ...parseDefinition(json, file), name, folder }
}

function refuseSharedNames(runtimes: Runtime[]): void {
  const owner = new Map<string, string>()
  for (const runtime of runtimes) {
    for (const name of [runtime.name, ...runtime.aliases]) {
      const other = owner.get(name)
      if (other !== undefined) {
        throw invalid(join(runtime.folder, DEFINITION_FILE), `"${name}" already names ${other}`)
      }
      owner.set(name, runtime.name)
    }
  }
}

function invalid(file: string, problem: string, cause?: unknown): ManagerError {
  return new ManagerError('RUNTIME_INVALID', `${file}: ${problem}`, { cause })
}
