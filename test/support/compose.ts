import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type CollectionTag, parseDocument, YAMLSeq } from 'yaml'
import { z } from 'zod'
import { projectDir } from '../../src/config.ts'

/** The part of the Compose Specification (compose-spec/spec.md) that our files use, and no key beside it. */
const duration = z.string().regex(/^(\d+(us|ms|s|m|h))+$/)
const capability = z.string().regex(/^[A-Z_]+$/)
const service = z.strictObject({
  image: z.string().min(1),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  // [address:]published:target; the target is a number, what is published may be a variable.
  ports: z.array(z.string().regex(/^([\d.]+:)?(\d+|\$\{\w+:-\d+\}):\d+$/)).optional(),
  // YAML's own numbers and booleans are not what a program is given.
  environment: z.record(z.string().regex(/^[A-Z_]+$/), z.string()),
  privileged: z.boolean().optional(),
  cap_drop: z.array(capability),
  cap_add: z.array(capability),
  security_opt: z.array(z.string().regex(/^[a-z-]+[=:]\w+$/)),
  read_only: z.boolean(),
  tmpfs: z.array(z.string().regex(/^\//)),
  volumes: z.array(z.string().regex(/^[\w-]+:\/[\w/-]+$/)),
  ulimits: z.strictObject({ nofile: z.int() }),
  stop_grace_period: duration,
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']).optional(),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.literal('CMD')], z.string()),
      interval: duration,
      timeout: duration,
      start_period: duration,
      retries: z.int(),
    })
    .optional(),
})
const composeFile = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/)
    .optional(),
  services: z.record(z.string(), service),
  // A named volume without options is a key without a value.
  volumes: z.record(z.string(), z.null()),
})

export type ComposeService = z.infer<typeof service>
export type ComposeFile = z.infer<typeof composeFile>

/** Compose's own tag: in a merge the value replaces the one before instead of being added to it. */
const OVERRIDE: CollectionTag = { tag: '!override', collection: 'seq', nodeClass: YAMLSeq }

/** A compose file of the project. @throws Error where it is not YAML, or not of the specification */
export function readCompose(file: string): ComposeFile {
  const text = readFileSync(path.join(projectDir(), file), 'utf8')
  const document = parseDocument(text, { customTags: [OVERRIDE], uniqueKeys: true })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) throw problem
  return composeFile.parse(document.toJS())
}

/** The value of a setting in a compose file when no variable is set: `${NAME:-default}`. */
export function withDefaults(value: string): string {
  return value.replace(/\$\{\w+(?::?-([^}]*))?\}/g, (_all, fallback?: string) => fallback ?? '')
}
