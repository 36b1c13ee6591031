import type { FastifyInstance } from 'fastify'
import { refuseUnknownPaths } from '../methods.ts'
import { beginCall } from '../v1/call.ts'
import type { NativeService } from '../v1/service.ts'
import { Callbacks } from './callbacks.ts'
import { sendError, sendFailure } from './failures.ts'
import { aboutOf, configInfo, systemInfo } from './info.ts'
import { judgeLanguages, SOURCE_FILES } from './languages.ts'
import type { Judge0Options } from './options.ts'
import { statuses } from './present.ts'
import { addSubmissionRoutes } from './routes.ts'
import { Submissions } from './submissions.ts'

/** Its own addresses, and those below a name that no other system has. */
const PREFIXES = ['', '/judge0']

/**
 * Adds the front door for clients of Judge0 (https://github.com/judge0/judge0, version 1.13.1), as a Fastify plugin. A
 * submission is an accepted run. It needs the body parser and `request.caller` of buildApp().
 */
export async function judge0(app: FastifyInstance, options: Judge0Options): Promise<void> {
  const { jobs, kept, keepMs, webhooks, templates, version, status } = options
  app.setErrorHandler(sendFailure)
  await refuseUnknownPaths(app, ['/submissions', '/languages', '/judge0'], sendFailure)
  const callbacks = new Callbacks(webhooks.policy)
  app.addHook('preClose', async () => callbacks.stop())
  const submissions = new Submissions(jobs, kept, keepMs)
  for (const prefix of PREFIXES) {
    addSubmissionRoutes(app, prefix, { ...options, submissions, callbacks })
    const listed = async () => judgeLanguages(templates).map(({ id, name }) => ({ id, name }))
    app.get(`${prefix}/languages`, listed)
    app.get(`${prefix}/languages/all`, async () =>
      (await listed()).map((language) => ({ ...language, is_archived: false })),
    )
    app.get<{ Params: { id: string } }>(`${prefix}/languages/:id`, async ({ params }, reply) => {
      const found = judgeLanguages(templates).find(({ id }) => id === Number(params.id))
      if (!found) return sendError(reply, 404, `Couldn't find Language ${params.id.slice(0, 50)}`)
      const { id, name, served } = found
      const source_file = SOURCE_FILES[served.name] ?? 'script'
      return { id, name, is_archived: false, source_file, compile_cmd: null, run_cmd: null }
    })
    app.get(`${prefix}/statuses`, async () => statuses)
    app.get(`${prefix}/about`, async () => aboutOf(version))
    app.get(`${prefix}/config_info`, async () => configInfo(templates, webhooks.policy !== null))
    app.get(`${prefix}/system_info`, async () => systemInfo())
    app.get(`${prefix}/workers`, async () => workersOf(status()))
    // Whoever comes here has a key, or needs none.
    app.post(`${prefix}/authenticate`, async (request, reply) => {
      beginCall(request, reply, options).end()
      return reply.code(200).send()
    })
  }
}

function workersOf({ queued, executors }: ReturnType<NativeService['status']>) {
  const count = (...states: string[]) =>
    executors.reduce((sum, one) => sum + (states.includes(one.state) ? one.count : 0), 0)
  const all = executors.reduce((sum, one) => sum + one.count, 0)
  const [idle, working] = [count('ready'), count('leased')]
  return [{ queue: 'default', size: queued, available: all, idle, working, paused: 0, failed: 0 }]
}
