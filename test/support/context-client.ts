import { expect, onTestFinished } from 'vitest'
import { sessionOutcome } from '../../src/api/v1/sessions-contexts-schema.ts'
import type { Client } from './client.ts'

/** Speaks to `/v1/sessions` of a manager; has one session for each template. Its methods need no object before them. */
export class ContextClient {
  readonly #client: Client
  readonly #sessions = new Map<string, Promise<string>>()

  constructor(client: Client) {
    this.#client = client
  }

  call = async (method: string, path: string, body?: unknown) => {
    const init: RequestInit = { method }
    if (body !== undefined) {
      init.body = JSON.stringify(body)
      init.headers = { 'content-type': 'application/json' }
    }
    const response = await fetch(`${this.#client.url}/v1/sessions${path}`, init)
    const text = await response.text()
    return { status: response.status, text, json: () => JSON.parse(text) }
  }

  /** The one session of a template. */
  session = (template: string): Promise<string> => {
    const there = this.#sessions.get(template)
    if (there) return there
    const made = this.create(template)
    this.#sessions.set(template, made)
    return made
  }

  create = async (template: string, more = {}): Promise<string> => {
    const { status, text, json } = await this.call('POST', '', { template, ...more })
    expect(status, text).toBe(201)
    return json().id
  }

  /** Makes a context in the session of a template. */
  context = async (template: string, more = {}): Promise<string> => {
    const language = template === 'nodejs' ? 'javascript' : template
    const path = `/${await this.session(template)}/contexts`
    const { status, text, json } = await this.call('POST', path, { language, ...more })
    expect(status, text).toBe(201)
    return json().id
  }

  /** Makes a context that is removed when the test has finished. */
  ownContext = async (template: string, more = {}): Promise<string> => {
    const id = await this.context(template, more)
    onTestFinished(async () => void (await this.call('DELETE', await this.at(template, id))))
    return id
  }

  /** Runs a cell in the session of a template. */
  run = async (template: string, code: string, more = {}) => {
    const path = `/${await this.session(template)}/runs`
    const { status, text } = await this.call('POST', path, { code, ...more })
    expect(status, text).toBe(200)
    return sessionOutcome.parse(JSON.parse(text))
  }

  /** What the last expression of a cell is, as text. */
  value = async (template: string, code: string, more = {}) => {
    const told = await this.run(template, code, more)
    expect(told.status, JSON.stringify(told)).toBe('succeeded')
    return (told.result as Record<string, unknown> | null)?.['text/plain'] ?? null
  }

  /** The path of a context in the session of a template. */
  at = async (template: string, context: string, rest = ''): Promise<string> => {
    return `/${await this.session(template)}/contexts/${context}${rest}`
  }

  stateOf = async (template: string, context: string): Promise<string> => {
    return (await this.call('GET', await this.at(template, context))).json().state
  }

  untilBusy = (template: string, context: string) => {
    return expect.poll(() => this.stateOf(template, context)).toBe('busy')
  }
}
