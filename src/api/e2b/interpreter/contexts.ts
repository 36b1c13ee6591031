import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ContextInfo } from '../../../sessions/context-types.ts'
import type { Contexts } from '../../../sessions/contexts.ts'
import type { SessionUse } from '../../../sessions/types.ts'
import { SESSION_HOME } from '../../../sessions/user.ts'
import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'
import { GoneSandbox } from '../failures.ts'
import { sandboxOf } from '../sandbox-call.ts'
import { languageOf } from './language.ts'
import { newContext, readBody, releaseBody } from './request.ts'

type OneContext = FastifyRequest<{ Params: { context: string } }>

/** Default contexts that E2B's sandboxes have from their beginning. Ours come to be when they are used. */
const DEFAULTS = ['python', 'javascript']

/** Adds `/contexts`: makes, tells, restarts and removes the contexts of a sandbox. */
export function addContextsRoutes(app: FastifyInstance, { sessions, parsing }: E2bContext): void {
  const config = { sandbox: 'interpreter' } as const
  const contextsOf = async (request: FastifyRequest): Promise<Contexts> => {
    const { caller, sessionId, sandboxId } = await sandboxOf(request)
    const contexts = sessions.contexts(caller, sessionId)
    if (!contexts) throw new GoneSandbox(sandboxId)
    return contexts
  }
  /** Does what needs the sandbox; nothing, with a default context that has never been used. */
  const withContext = async (
    request: OneContext,
    work: (use: SessionUse, id: string) => Promise<unknown>,
  ): Promise<null> => {
    releaseBody(request)
    const sandbox = await sandboxOf(request)
    const { context: id } = request.params
    const all = listed(await contextsOf(request))
    const known = all.find((one) => one.id === id)
    if (!known) throw new Refused(404, `Context ${id.slice(0, 64)} not found`)
    if (known.isUnused) return null
    const use = await sandbox.use()
    try {
      await work(use, id)
      return null
    } finally {
      use.release()
    }
  }

  app.get('/contexts', { config }, async (request) => {
    return listed(await contextsOf(request)).map(({ id, language, cwd }) => ({ id, language, cwd }))
  })
  app.post('/contexts', { config }, async (request) => {
    const contexts = await contextsOf(request)
    try {
      const asked = await readBody(request, newContext, parsing)
      const language = languageOf(asked.language)
      const { id, cwd } = contexts.create({ language, cwd: asked.cwd ?? '', env: {} })
      return { id, language, cwd }
    } finally {
      releaseBody(request)
    }
  })
  app.post<{ Params: { context: string } }>(
    '/contexts/:context/restart',
    { config },
    async (request) => withContext(request, (use, id) => use.contexts.restart(id, use)),
  )
  app.delete<{ Params: { context: string } }>('/contexts/:context', { config }, async (request) =>
    withContext(request, (use, id) => use.contexts.remove(id, use)),
  )
}

type Listed = Pick<ContextInfo, 'id' | 'language' | 'cwd'> & { readonly isUnused: boolean }

/** The contexts of a sandbox: the default ones first, then the others in the order in which they were made. */
function listed(contexts: Contexts): Listed[] {
  const there = contexts.list().map((info) => ({ ...info, isUnused: false }))
  const isThere = (language: string) => there.some(({ id }) => id === language)
  const unused = DEFAULTS.filter((language) => !isThere(language) && canRun(contexts, language))
  const isDefault = ({ id, language }: Listed) => id === language
  return [
    ...unused.map((id) => ({ id, language: id, cwd: SESSION_HOME, isUnused: true })),
    ...there.filter(isDefault),
    ...there.filter((one) => !isDefault(one)),
  ]
}

function canRun(contexts: Contexts, language: string): boolean {
  try {
    contexts.kernel(language)
    return true
  } catch {
    return false
  }
}
